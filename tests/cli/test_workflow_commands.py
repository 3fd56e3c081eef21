"""``inhouse validate``, ``inhouse convert-workflow`` and ``inhouse templates``."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.program import Command
from tests.tiny_model import text_to_image


@pytest.fixture
def api(tmp_path: Path) -> Path:
    path = tmp_path / "api.json"
    path.write_text(json.dumps(text_to_image()))
    return path


def test_a_sound_workflow_is_valid(command: Command, api: Path, models: Path) -> None:
    told = command("validate", api, "--models", models)
    assert (told.code, told.stdout) == (0, "Valid: 7 nodes, outputs save.\n")
    assert command("validate", api, "--models", models, "--json").json == {
        "status": "success",
        "nodes": 7,
        "outputs": ["save"],
        "errors": [],
    }


def test_every_fault_is_listed_at_once(command: Command, tmp_path: Path, models: Path) -> None:
    path = tmp_path / "bad.json"
    bad = text_to_image(sampler={"steps": 0, "sampler_name": "eular", "cfg": "much"}, decode={"vae": ["loader", 0]})
    bad["positive"]["class_type"] = "CLIPTextEncod"
    path.write_text(json.dumps(bad))
    told = command("validate", path, "--models", models, "--json")
    assert told.code == 3
    assert {(error["node_id"], error.get("input_name"), error["code"]) for error in told.json["errors"]} == {
        ("positive", None, "unknown_node"),
        ("sampler", "steps", "value_smaller_than_min"),
        ("sampler", "sampler_name", "value_not_in_list"),
        ("sampler", "cfg", "invalid_input_type"),
        ("decode", "vae", "return_type_mismatch"),
    }
    lines = command("validate", path, "--models", models).stderr.splitlines()
    assert len(lines) == 5
    assert all(line.startswith("error node ") for line in lines)
    assert any("Did you mean 'euler'?" in line for line in lines)


def test_a_missing_model_is_named_with_those_there_are(command: Command, tmp_path: Path, models: Path) -> None:
    path = tmp_path / "missing.json"
    path.write_text(json.dumps(text_to_image(loader={"ckpt_name": "tiny.ckpt"})))
    told = command("validate", path, "--models", models, "--json")
    assert told.code == 4
    assert told.codes == ["model_not_found"]
    assert "tiny.safetensors" in told.json["errors"][0]["hint"]
    assert str(models / "checkpoints") in told.json["errors"][0]["hint"]


def nodes(canvas: dict[str, Any]) -> dict[str, list[Any]]:
    return {node["type"]: node.get("widgets_values") for node in canvas["nodes"]}


def test_a_workflow_converts_both_ways(command: Command, api: Path) -> None:
    made = command("convert-workflow", api, "--to", "canvas", "-o", "canvas.json")
    assert (made.code, made.stdout, made.stderr) == (0, "", "Wrote canvas.json.\n")
    assert nodes(json.loads(Path("canvas.json").read_text()))["EmptyLatentImage"] == [64, 64, 1]
    back = json.loads(command("convert-workflow", "canvas.json").stdout)
    assert {node["class_type"] for node in back.values()} == {node["class_type"] for node in text_to_image().values()}
    sampler = next(node for node in back.values() if node["class_type"] == "KSampler")
    assert sampler["inputs"]["steps"] == 2


def test_a_conversion_answers_in_json(command: Command, api: Path) -> None:
    assert command("convert-workflow", api, "-o", "made/deep.json", "--json").json == {
        "status": "success",
        "path": "made/deep.json",
    }
    assert Path("made/deep.json").is_file()


def test_letters_of_any_language_stay_letters(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "w.json"
    path.write_text(json.dumps(text_to_image(positive={"text": "一个红苹果"})))
    assert "一个红苹果" in command("convert-workflow", path).stdout


def test_half_a_surrogate_pair_stays_what_it_was(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "w.json"
    path.write_text(json.dumps(text_to_image(positive={"text": "\ud800"})))
    assert command("convert-workflow", path, "-o", "out.json").code == 0
    assert json.loads(Path("out.json").read_text())["positive"]["inputs"]["text"] == "\ud800"


def test_a_place_that_cannot_be_written_is_told(command: Command, api: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    told = command("convert-workflow", api, "-o", "file/out.json", "--json")
    assert (told.code, told.codes) == (5, ["output_unwritable"])


def test_templates_are_listed_and_printed(command: Command) -> None:
    names = command("templates").stdout.splitlines()
    assert "text-to-image" in names
    assert list(command("templates", "--json").json["templates"]) == names
    assert "nodes" in json.loads(command("templates", "text-to-image").stdout)


def test_an_unknown_template_is_answered_with_those_there_are(command: Command) -> None:
    told = command("templates", "txt2img", "--json")
    assert (told.code, told.codes) == (3, ["workflow_format"])
    assert "text-to-image" in told.json["errors"][0]["hint"]
