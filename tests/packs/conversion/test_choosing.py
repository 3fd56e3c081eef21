"""The fastest route that keeps the budget."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.packs.conversion.models import texts

from inhouse.errors import AccuracyError
from inhouse.packs.conversion import choosing
from inhouse.packs.conversion.choosing import Route, fastest, routes
from inhouse.packs.conversion.model import Draft, Metric

pytestmark = pytest.mark.filterwarnings("ignore")
TRIED = (Route("onnx", "onnxruntime", "fp32"), Route("onnx", "onnxruntime", "int8"))


def test_no_route_has_fewer_bits_than_asked_for() -> None:
    assert {route.precision for route in routes("fp32")} == {"fp32"}
    assert {route.precision for route in routes("int8")} == {"fp32", "bf16", "int8"}


@pytest.mark.parametrize("winner", ["onnxruntime fp32", "onnxruntime int8"])
def test_the_fastest_is_taken_and_all_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, winner: str) -> None:
    def measured(drafts: Mapping[str, Draft]) -> dict[str, float]:
        return {name: 0.001 if name == winner else 0.002 for name in drafts}

    monkeypatch.setattr(choosing, "speeds", measured)
    made = fastest(texts(), tmp_path, "int8", Metric("cosine", 0.1), threads=1, tried=TRIED)
    assert made.precision == winner.split()[1]
    assert made.serving.threads == 1
    assert made.passes[-1].notes[0] == f"{winner}: 1.00 ms"
    assert len(made.passes[-1].notes) == 2


def test_where_none_keeps_the_budget_it_is_accuracy_that_lacks(tmp_path: Path) -> None:
    with pytest.raises(AccuracyError, match="onnxruntime int8"):
        fastest(texts(), tmp_path, "int8", Metric("cosine", -1.0), threads=1, tried=TRIED[1:])
