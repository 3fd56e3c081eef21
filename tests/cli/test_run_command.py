"""``inhouse run``."""

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.program import Command, Ran
from tests.tiny_model import text_to_image

from inhouse.cli.exits import Exit
from inhouse.cli.run_command import stop_on_signals, verdict
from inhouse.engine.control import Control
from inhouse.engine.result import RunResult
from inhouse.engine.task import Failure
from inhouse.errors import ModelFormatError, NodeExecutionError, OutputError

Run = Callable[..., Ran]


@pytest.fixture
def run(command: Command, tmp_path: Path, models: Path) -> Run:
    """Run a text-to-image workflow with changed inputs and options."""

    def run_workflow(*options: str, **changes: dict[str, Any]) -> Ran:
        (tmp_path / "workflow.json").write_text(json.dumps(text_to_image(**changes)))
        return command("run", "workflow.json", "--models", models, *options)

    return run_workflow


def pixels(path: str | Path) -> Any:
    with Image.open(path) as picture:
        return np.asarray(picture).copy()


def embedded(path: str | Path) -> dict[str, Any]:
    with Image.open(path) as picture:
        found: dict[str, Any] = json.loads(picture.info["prompt"])
        return found


def test_a_run_says_where_its_picture_lies(run: Run) -> None:
    told = run()
    assert (told.code, told.stdout) == (0, "output/tiny_00001_.png\n")
    assert pixels("output/tiny_00001_.png").shape == (16, 16, 3)
    assert list(Path("output").iterdir()) == [Path("output/tiny_00001_.png")]


def test_a_run_answers_in_json(run: Run) -> None:
    told = run("--json", "--out", "elsewhere")
    assert told.code == 0
    assert told.json["status"] == "success"
    assert told.json["outputs"]["save"]["images"][0]["path"] == "elsewhere/tiny_00001_.png"
    assert told.json["seconds_by_node"].keys() == text_to_image().keys()
    assert told.stderr == ""


def test_a_picture_carries_the_values_that_made_it(run: Run) -> None:
    run("--seed", "99", "--set", "positive.text=一个红苹果", "--set", "KSampler.steps=1")
    prompt = embedded("output/tiny_00001_.png")
    assert prompt["sampler"]["inputs"]["seed"] == 99
    assert prompt["sampler"]["inputs"]["steps"] == 1
    assert prompt["positive"]["inputs"]["text"] == "一个红苹果"


def test_a_picture_made_here_runs_again_to_the_same_pixels(run: Run, command: Command, models: Path) -> None:
    run("--seed", "99", "--reference")
    assert command("run", "output/tiny_00001_.png", "--models", models, "--reference").code == 0
    assert np.array_equal(pixels("output/tiny_00001_.png"), pixels("output/tiny_00002_.png"))


def test_a_run_says_where_its_time_went(run: Run) -> None:
    told = run("--profile", "--profile-file", "profile.json")
    assert told.stdout == "output/tiny_00001_.png\n"
    assert "KSampler (sampler)" in told.stderr
    stages = json.loads(Path("profile.json").read_text())["nodes"]["sampler"]["stages"]
    assert stages["load"]["calls"] == 1
    assert stages["steps"]["calls"] == 2


def test_a_profile_that_could_not_be_drawn_is_refused_before_the_run(run: Run) -> None:
    told = run("--profile-file", "profile.xyz")
    assert told.code == Exit.FILES
    assert "cannot be drawn as .xyz" in told.stderr
    assert not Path("output").exists()


def test_a_profile_is_part_of_the_answer_in_json_and_only_if_asked_for(run: Run) -> None:
    assert run("--profile", "--json").json["profile"]["stages"].keys() == {"load", "text", "steps", "vae"}
    assert "profile" not in run("--json").json


def test_a_precision_may_be_asked_for_and_one_that_there_is_not_is_refused(run: Run) -> None:
    assert run("--precision", "float32", "--device", "cpu").code == 0
    assert run("--reference").code == 0
    chosen, exact = (pixels(f"output/tiny_0000{number}_.png").astype(int) for number in (1, 2))
    assert np.abs(chosen - exact).max() <= 1
    told = run("--precision", "int4")
    assert told.code == Exit.USAGE
    assert "There are: auto, float32, bfloat16, float16." in told.stderr


def test_another_seed_makes_another_picture(run: Run) -> None:
    run("--seed", "1")
    run("--seed", "2")
    assert not np.array_equal(pixels("output/tiny_00001_.png"), pixels("output/tiny_00002_.png"))


def test_a_batch_makes_as_many_pictures(run: Run) -> None:
    assert len(run("--batch", "3").stdout.splitlines()) == 3


def test_a_warning_reaches_the_user(run: Run) -> None:
    told = run("--set", "positive.text=embedding:nobody", "--set", "sampler.steps=1", "--json")
    assert told.code == 0
    assert any("nobody" in warning for warning in told.json["warnings"])


def test_a_change_that_fits_nothing_runs_nothing(run: Run) -> None:
    told = run("--set", "smapler.steps=1", "--json")
    assert (told.code, told.codes) == (2, ["change_unknown"])
    assert not Path("output").exists()


def test_a_value_out_of_range_runs_nothing(run: Run) -> None:
    told = run("--set", "sampler.steps=0")
    assert told.code == 3
    assert "error node sampler, input steps: 0 is smaller than 1." in told.stderr
    assert not Path("output").exists()


def test_text_is_an_output_too(command: Command, tmp_path: Path) -> None:
    (tmp_path / "w.json").write_text(json.dumps({"1": {"class_type": "PreviewAny", "inputs": {"source": "你好"}}}))
    assert command("run", "w.json").stdout == "你好\n"
    assert command("run", "w.json", "--json").json["outputs"] == {"1": {"text": ["你好"]}}


def failed(*errors: Any) -> RunResult:
    return RunResult("run", "error", failures=tuple(Failure(error, "1", None) for error in errors))


@pytest.mark.parametrize(
    ("result", "code"),
    [
        (RunResult("run", "success"), Exit.OK),
        (RunResult("run", "interrupted"), Exit.INTERRUPTED),
        (failed(NodeExecutionError("x")), Exit.FAILED),
        (failed(OutputError("x"), OutputError("y")), Exit.FILES),
        (failed(ModelFormatError("x"), OutputError("y")), Exit.FAILED),
        (failed(), Exit.FAILED),
    ],
)
def test_the_exit_code_is_that_of_the_failures_where_they_agree(result: RunResult, code: Exit) -> None:
    assert verdict(result) is code


def test_ctrl_c_interrupts_then_cancels_then_kills() -> None:
    control = Control()
    with stop_on_signals(control):
        signal.raise_signal(signal.SIGINT)
        assert (control.take(), control.cancelled) == (True, False)
        signal.raise_signal(signal.SIGINT)
        assert (control.take(), control.cancelled) == (False, True)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_a_service_manager_cancels_at_once() -> None:
    control = Control()
    with stop_on_signals(control):
        signal.raise_signal(signal.SIGTERM)
        assert control.cancelled


def test_signals_are_handed_back() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with stop_on_signals(Control()):
        assert signal.getsignal(signal.SIGINT) is not before[0]
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
