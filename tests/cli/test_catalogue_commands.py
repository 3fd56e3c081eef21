"""``inhouse nodes`` and ``inhouse models``."""

from pathlib import Path

from tests.program import Command


def test_nodes_are_listed_one_a_line(command: Command) -> None:
    lines = command("nodes").stdout.splitlines()
    assert "KSampler\tsampling\tDenoise a latent under a positive and a negative conditioning." in lines
    assert all(line.count("\t") == 2 for line in lines)


def test_nodes_in_json_are_described_as_canvases_expect(command: Command) -> None:
    found = command("nodes", "--json").json
    assert found["KSampler"]["input"]["required"]["steps"] == ["INT", {"default": 20, "min": 1, "max": 10000}]
    assert list(command("nodes", "SaveImage", "--json").json) == ["SaveImage"]


def test_a_node_is_described_by_its_sockets(command: Command) -> None:
    lines = [line.split("\t") for line in command("nodes", "KSampler").stdout.splitlines()]
    assert ["in", "seed", "INT", "0", "0 to 18446744073709551615"] in lines
    assert ["out", "LATENT", "LATENT", "", ""] in lines
    assert any(line[1] == "sampler_name" and line[4].startswith("euler, ") for line in lines)


def test_a_loader_shows_the_files_there_are(command: Command, models: Path) -> None:
    assert "tiny.safetensors" in command("nodes", "CheckpointLoaderSimple", "--models", models).stdout
    assert "(none there)" in command("nodes", "LoraLoader", "--models", models).stdout


def test_a_misspelt_node_gets_suggestions(command: Command) -> None:
    told = command("nodes", "Ksampler_", "--json")
    assert told.code == 2
    assert told.codes == ["registry_error"]
    assert "Did you mean KSampler" in told.json["errors"][0]["hint"]
    assert command("nodes", "qqqqqq").stderr == "error There is no node 'qqqqqq'. `inhouse nodes` lists all.\n"


def test_models_are_listed_one_a_line(command: Command, models: Path) -> None:
    path = models / "checkpoints" / "tiny.safetensors"
    assert f"checkpoints\ttiny.safetensors\t10.0\t{path}" in command("models", "--models", models).stdout.splitlines()


def test_models_in_json_are_paths_by_kind_and_name(command: Command, models: Path) -> None:
    found = command("models", "--models", models, "--json").json
    assert found["checkpoints"]["tiny.safetensors"] == str(models / "checkpoints" / "tiny.safetensors")


def test_a_broken_list_of_folders_is_told_with_its_line(command: Command, tmp_path: Path) -> None:
    (tmp_path / "extra_model_paths.yaml").write_text("a:\n\t- [")
    told = command("models", "--json")
    assert told.code == 5
    assert told.codes == ["file_error"]
