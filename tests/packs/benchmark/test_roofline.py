from __future__ import annotations

from pathlib import Path

import pytest

from inhouse.packs.benchmark.model import Cell, Load, Report, Slice, Variant
from inhouse.packs.benchmark.peaks import Peaks
from inhouse.packs.benchmark.roofline import achieved, add_roof, precision_of, roof_of

PEAKS = Peaks({"fp32": 1e11, "bf16": 8e11}, {"fp32": "numpy", "bf16": "openvino"}, 1e10)


def measured(model: Path, threads: int = 1) -> Report:
    variant = Variant("m", "model", str(model), {"threads": threads, "precision": "fp32"})
    return Report("1", "", 1.0, [variant], [Cell("m", Load(8), [Slice([0.5, 0.5], wall=1.0)])])


def test_what_is_achieved_is_operations_by_time(linear: Path) -> None:
    report = measured(linear)
    add_roof(report, peaks=lambda _: PEAKS)
    found = achieved(report.variants[0], report.cells[0])
    assert found is not None
    intensity, speed = found
    assert speed == 2 * (2 * 8 * 16 * 4)
    assert intensity == (2 * 8 * 16 * 4) / (4 * (16 * 4 + 8 * 16 + 8 * 4))


@pytest.mark.parametrize(("threads", "asked"), [(1, 1), (2, 2), (0, 0)])
def test_the_roof_has_as_many_threads_as_the_models(linear: Path, threads: int, asked: int) -> None:
    seen: list[int] = []

    def peaks(count: int) -> Peaks:
        seen.append(count)
        return PEAKS

    add_roof(measured(linear, threads), peaks=peaks)
    assert seen == [asked]


def test_the_roof_is_memory_left_of_the_ridge_and_arithmetic_right_of_it(linear: Path) -> None:
    report = measured(linear)
    add_roof(report, peaks=lambda _: PEAKS)
    assert roof_of(report, report.variants[0], 2.0) == 2e10
    assert roof_of(report, report.variants[0], 1e6) == 1e11


def test_a_model_that_cannot_be_counted_says_so(tmp_path: Path) -> None:
    report = measured(tmp_path / "gone.onnx")
    add_roof(report, peaks=lambda _: PEAKS)
    assert "gone.onnx" in report.variants[0].cost["problem"]
    assert achieved(report.variants[0], report.cells[0]) is None


def test_integer_weights_have_the_roof_of_integers() -> None:
    assert precision_of(Variant("m", "model", "m", {"precision": "bf16"}, receipt={"precision": "int8"})) == "int8"
    assert precision_of(Variant("m", "model", "m", {"precision": "bf16"})) == "bf16"
    assert precision_of(Variant("m", "model", "m", {"precision": "as made"})) == "fp32"
