"""``inhouse bench``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.packs.benchmark.conftest import linear  # noqa: F401 - a fixture
from tests.program import Command

from inhouse.packs.benchmark.model import Cell, Load, Report, Slice, Variant
from inhouse.packs.benchmark.writing import write


def report(path: Path, seconds: float, name: str = "a") -> Path:
    slices = [Slice([seconds * (1 + n / 1000)] * 5, wall=seconds * 5, cpu=seconds * 5) for n in range(10)]
    write(Report(path.stem, "", 1.0, [Variant(name, "model", name)], [Cell(name, Load(), slices)]), path)
    return path


def test_runtimes_are_measured_side_by_side_and_written(command: Command, linear: Path, tmp_path: Path) -> None:  # noqa: F811
    out = [argument for name in ("r.json", "r.md") for argument in ("--out", str(tmp_path / name))]
    how = ["--runtime", "onnxruntime,openvino", "--threads", "1", "--batch", "1,4", "--seconds", "0.4"]
    told = command("bench", linear, *how, *out, "--json")
    assert told.code == 0
    assert told.json["status"] == "success"
    names = {cell["variant"] for cell in told.json["report"]["cells"]}
    assert names == {"linear onnxruntime 1t", "linear openvino fp32 1t"}
    fidelity = told.json["report"]["variants"][1]["fidelity"]
    assert fidelity["against"] == "linear onnxruntime 1t"
    assert fidelity["cosine_min"] > 0.999
    assert len(told.json["comparisons"]) == 2
    assert json.loads((tmp_path / "r.json").read_bytes())["cells"][0]["slices"]
    assert "| variant |" in (tmp_path / "r.md").read_text()


def test_a_runtime_that_is_not_there_is_told_and_the_code_says_so(command: Command, linear: Path) -> None:  # noqa: F811
    told = command("bench", linear, "--runtime", "abacus", "--seconds", "0.2", "--json")
    assert told.code == 1
    assert told.json["status"] == "error"
    assert "There is no runtime abacus" in told.json["problems"][0]


def test_an_address_at_which_nobody_is_is_told(command: Command) -> None:
    told = command("bench", "http://127.0.0.1:1/services/a", "--seconds", "0.2", "--json")
    assert told.code == 1
    assert "cannot be reached" in told.json["problems"][0]


def test_a_report_that_really_is_slower_ends_with_7(command: Command, tmp_path: Path) -> None:
    before, after = report(tmp_path / "before.json", 0.1), report(tmp_path / "after.json", 0.12)
    told = command("bench", "--compare", before, after, "--fail-if-slower", "5%")
    assert told.code == 7
    assert told.stdout.startswith("a is 0.83x as fast as a (batch 1, 1 at once, latency; 95%: 0.83 to 0.84)")
    assert command("bench", "--compare", before, after, "--fail-if-slower", "25%").code == 0
    assert command("bench", "--compare", after, before, "--fail-if-slower", "5%").code == 0
    assert command("bench", "--compare", before, after).code == 0


def test_no_difference_is_said_to_be_none(command: Command, tmp_path: Path) -> None:
    one, two = report(tmp_path / "one.json", 0.1), report(tmp_path / "two.json", 0.1)
    told = command("bench", "--compare", one, two, "--fail-if-slower", "5%", "--json")
    assert told.code == 0
    assert told.json["comparisons"][0]["real"] is False


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["gone.onnx"], 4, "There is no model gone.onnx"),
        (["gone.json"], 3, "gone.json"),
        (["--compare", "one.json"], 2, "Two reports are compared"),
        (["--compare", "one.json", "two.json"], 5, "one.json cannot be read"),
        (["a.onnx", "--batch", "0"], 2, "--batch"),
        (["a.onnx", "--out", "report.pdf"], 5, "report.pdf"),
        (["a.onnx", "--language", "fr"], 2, "--language is one of en, zh"),
        (["a.onnx", "--metric", "smell"], 2, "--metric"),
        (["a.onnx", "--fail-if-slower", "much"], 2, "--fail-if-slower"),
    ],
)
def test_what_cannot_be_measured_is_refused_at_once(
    command: Command, arguments: list[str], code: int, said: str
) -> None:
    told = command("bench", *arguments)
    assert told.code == code
    assert said in told.stderr
