"""What a run's report says."""

import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from inhouse import Workflow, WorkflowNode
from inhouse.cli.report import RunReport
from inhouse.cli.voice import Voice
from inhouse.engine.result import RunResult
from inhouse.engine.task import Failure
from inhouse.errors import InhouseError, InterruptedRunError, ModelFormatError, NodeExecutionError, NodeInputError
from inhouse.files import Folders

FOLDERS = Folders(Path("input"), Path("output"), Path("temp"))
WORKFLOW = Workflow({"9": WorkflowNode("SaveImage"), "3": WorkflowNode("KSampler", {}, "sampler")})
SAVED = {"images": [{"filename": "a.png", "subfolder": "sub", "type": "output"}]}

Captured = pytest.CaptureFixture[str]


def report(
    status: str = "success", outputs: Any = None, salvaged: Any = None, failures: Sequence[InhouseError] = ()
) -> RunReport:
    failed = tuple(Failure(error, "3", None) for error in failures)
    result = RunResult("run", status, outputs or {}, failures=failed, cached=("1",), seconds={"3": 1.5})
    return RunReport(FOLDERS, WORKFLOW, result, salvaged or {}, 2.0)


def text(made: RunReport, capsys: Captured) -> tuple[str, str]:
    made.print_to(Voice(as_json=False))
    captured = capsys.readouterr()
    return captured.out, captured.err


def test_json_has_everything_with_paths(capsys: Captured) -> None:
    report("success", {"9": SAVED}, {"3": Path("output/x.latent")}).print_to(Voice(as_json=True))
    assert json.loads(capsys.readouterr().out) == {
        "status": "success",
        "run_id": "run",
        "outputs": {"9": {"images": [{**SAVED["images"][0], "path": "output/sub/a.png"}]}},
        "seconds": 2.0,
        "seconds_by_node": {"3": 1.5},
        "cached": ["1"],
        "salvaged": {"3": "output/x.latent"},
        "errors": [],
    }


def test_paths_stand_alone_so_that_they_can_be_piped(capsys: Captured) -> None:
    out, err = text(report("success", {"9": SAVED}), capsys)
    assert out == "output/sub/a.png\n"
    assert err == "Done after 2.0 s.\n"


@pytest.mark.parametrize(("kind", "folder"), [("temp", "temp"), ("input", "input"), ("nonsense", "output")])
def test_a_path_lies_in_the_folder_of_its_kind(kind: str, folder: str, capsys: Captured) -> None:
    out, _ = text(report("success", {"9": {"images": ({"filename": "a.png", "type": kind},)}}), capsys)
    assert out == f"{folder}/a.png\n"


def test_one_text_is_shown_as_it_is_several_with_names(capsys: Captured) -> None:
    assert text(report("success", {"9": {"text": ("hello",)}}), capsys)[0] == "hello\n"
    assert text(report("success", {"9": {"text": "hello"}}), capsys)[0] == "hello\n"
    out, _ = text(report("success", {"9": {"text": ["a"]}, "3": {"text": ["b"]}}), capsys)
    assert out == "SaveImage (9): a\nsampler (3): b\n"


def test_what_nodes_show_may_be_of_any_shape(capsys: Captured) -> None:
    strange = {"animated": (True,), "n": 5, "x": None, "rows": [[1]], "v": [float("nan")]}
    assert text(report("success", {"9": strange}), capsys)[0] == ""
    report("success", {"9": strange}).print_to(Voice(as_json=True))
    assert json.loads(capsys.readouterr().out)["outputs"]["9"]["v"] == ["nan"]


def test_failures_are_told_beside_what_succeeded(capsys: Captured) -> None:
    error = ModelFormatError("It is cut short.", hint="Download it again.")
    out, err = text(report("error", {"9": SAVED}, failures=[error]), capsys)
    assert out == "output/sub/a.png\n"
    assert err == "error It is cut short. Download it again.\nFailed after 2.0 s.\n"


def test_a_failure_says_at_which_node_and_input_it_happened(capsys: Captured) -> None:
    error = NodeInputError("There is no VAE.", node_id="9", input_name="vae")
    assert "error SaveImage (9), input vae: There is no VAE.\n" in text(report("error", failures=[error]), capsys)[1]
    error = NodeInputError("There is no VAE.", node_id="3")
    assert "error sampler (3): There is no VAE.\n" in text(report("error", failures=[error]), capsys)[1]
    own = NodeExecutionError("Node 3 (KSampler) failed: ValueError", node_id="3")
    assert "error Node 3 (KSampler) failed: ValueError\n" in text(report("error", failures=[own]), capsys)[1]


def test_an_interruption_is_no_error_and_names_what_was_kept(capsys: Captured) -> None:
    salvaged = {"3": Path("output/x.latent")}
    out, err = text(report("interrupted", None, salvaged, [InterruptedRunError()]), capsys)
    assert out == ""
    assert "error" not in err
    assert "What sampler (3) had so far, for LoadLatent to go on from: output/x.latent\n" in err
    assert err.endswith("Interrupted after 2.0 s.\n")


class FakeTerminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_that_can_shows_the_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.png").write_bytes(b"PNG")
    screen = FakeTerminal()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("KITTY_WINDOW_ID", "1")
    result = RunResult("run", "success", {"9": {"images": [{"filename": "a.png"}, {"filename": "gone.png"}]}})
    RunReport(Folders(tmp_path, tmp_path, tmp_path), WORKFLOW, result).print_to(Voice(as_json=False))
    assert screen.getvalue().count("\x1b_G") == 1
