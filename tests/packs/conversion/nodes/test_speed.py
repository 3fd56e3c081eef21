"""Nodes that make a model faster."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from inhouse.packs.conversion.model import Draft
from inhouse.packs.conversion.nodes.speed import NODES, optimize_model, quantize_model


@pytest.mark.filterwarnings("ignore")
def test_a_draft_goes_through_both(text_draft: Draft, tmp_path: Path) -> None:
    shutil.copytree(text_draft.folder, tmp_path / "copy")
    draft = replace(text_draft, folder=tmp_path / "copy")
    optimised = optimize_model(draft=draft)
    quantised = quantize_model(draft=optimised, precision="int8", max_drop=0.1)
    assert [record.name for record in quantised.passes] == ["optimise", "quantise"]
    assert quantised.precision == "int8"
    assert [spec.id for spec in NODES] == ["OptimizeModel", "QuantizeModel", "ConvertFastest"]
