"""``inhouse convert``."""

import json
from pathlib import Path

import pytest
from tests.program import Command

MODEL = """
import torch

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = torch.nn.Linear(6, 16), torch.nn.Linear(16, 4)

    def forward(self, x):
        return self.second(torch.relu(self.first(x)))

def build():
    return Net().eval(), (torch.ones(2, 6),)
"""


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    """A small model as an ONNX file."""
    import warnings

    import torch

    names: dict[str, object] = {}
    exec(MODEL, names)
    module, example = names["build"]()  # type: ignore[operator]
    path = tmp_path / "net.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        free = {"x": {0: "batch"}, "y": {0: "batch"}}
        torch.onnx.export(
            module,
            example,
            path,
            dynamo=False,
            input_names=["x"],
            output_names=["y"],
            dynamic_axes=free,
            opset_version=17,
        )
    return path


@pytest.fixture(autouse=True)
def own_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def test_a_model_becomes_an_artifact_that_is_there_already_the_next_time(
    command: Command, graph: Path, tmp_path: Path
) -> None:
    out = tmp_path / "artifacts"
    ran = command("convert", graph, "--to", "onnx", "--out", out, "--batch", "4", "--threads", "1", "--json")
    assert ran.code == 0, ran.stdout
    folder = Path(ran.json["artifact"])
    assert folder == out / "net-onnx-fp32"
    assert {"artifact.json", "receipt.json", "model.onnx"} <= {file.name for file in folder.iterdir()}
    assert ran.json["receipt"]["served_with"]["threads"] == 1
    assert ran.json["receipt"]["served_with"]["max_batch"] == 4
    assert all(check["passed"] for check in ran.json["receipt"]["checks"])
    assert ran.json["speedup"] > 0
    assert [found.name for found in out.iterdir()] == ["net-onnx-fp32"]
    again = command("convert", graph, "--to", "onnx", "--out", out, "--json")
    assert (again.code, again.codes) == (5, ["output_unwritable"])
    converted = command("convert", folder, "--json")
    assert (converted.code, converted.codes) == (2, ["usage"])
    assert "converted already" in converted.json["errors"][0]["message"]


def test_people_get_the_place_on_standard_output_and_the_rest_beside_it(
    command: Command, graph: Path, tmp_path: Path
) -> None:
    ran = command("convert", graph, "--to", "openvino", "--out", tmp_path / "a", "--name", "mine", "--threads", "1")
    assert ran.code == 0, ran.stderr
    assert ran.stdout == f"{tmp_path / 'a' / 'mine'}\n"
    assert "verify" in ran.stderr
    assert "latency at batch 1" in ran.stderr


def test_lost_accuracy_has_a_code_of_its_own_and_leaves_nothing(command: Command, graph: Path, tmp_path: Path) -> None:
    out = tmp_path / "artifacts"
    ran = command(
        "convert", graph, "--to", "openvino", "--precision", "bf16", "--max-drop", "0", "--out", out, "--json"
    )
    assert (ran.code, ran.codes) == (8, ["accuracy_lost"])
    assert not out.exists() or list(out.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "code", "error"),
    [
        (("--to", "tflite"), 2, "usage"),
        (("--precision", "fp8"), 2, "usage"),
        (("--max-drop", "2"), 2, "usage"),
        (("--name", "../up"), 5, "path_escape"),
        (("--data", "nowhere.npz"), 5, "input_not_found"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(
    command: Command, graph: Path, tmp_path: Path, options: tuple[str, ...], code: int, error: str
) -> None:
    ran = command("convert", graph, "--out", tmp_path / "a", *options, "--json")
    assert (ran.code, ran.codes) == (code, [error])


def test_a_model_that_is_not_there_is_said(command: Command, tmp_path: Path) -> None:
    ran = command("convert", tmp_path / "none.onnx", "--to", "onnx", "--out", tmp_path / "a", "--json")
    assert (ran.code, ran.codes) == (4, ["model_not_found"])
    assert json.loads(ran.stdout)["status"] == "error"
