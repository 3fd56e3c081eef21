"""Graphs and settings that are faster, and answer the same."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from tests.packs.conversion.models import as_openvino

from inhouse.packs.conversion import optimising
from inhouse.packs.conversion.model import Draft, Metric
from inhouse.packs.conversion.optimising import optimise, speeds, tuned
from inhouse.packs.conversion.verifying import verify

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def texts(text_draft: Draft, tmp_path: Path) -> Draft:
    shutil.copytree(text_draft.folder, tmp_path / "copy")
    return replace(text_draft, folder=tmp_path / "copy")


def test_a_graph_answers_the_same_afterwards_and_says_what_was_done(texts: Draft) -> None:
    made = optimise(texts)
    assert made.passes[-1].name == "optimise"
    assert made.passes[-1].notes
    assert made.model.exists()
    assert all(check.passed for check in verify(made, Metric("cosine", 0.01), batch=4).checks)


def test_a_fused_graph_that_is_faster_is_kept(texts: Draft, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optimising, "speeds", lambda drafts: dict.fromkeys(drafts, 1.0) | {"fused": 0.5})
    made = optimise(texts)
    assert made.serving.model == "model.fused.onnx"
    assert "50% of the time" in made.passes[-1].notes[0]


def test_one_that_is_not_faster_is_undone(texts: Draft, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optimising, "speeds", lambda drafts: dict.fromkeys(drafts, 1.0))
    made = optimise(texts)
    assert made.serving.model == texts.serving.model
    assert not (texts.folder / "model.fused.onnx").exists()


def test_settings_are_those_that_took_the_least_time(texts: Draft, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = as_openvino(texts)
    monkeypatch.setattr(optimising, "speeds", lambda _: {"0": 1.0, "1": 0.8})
    made, note = tuned(plain)
    assert made.serving.options == {"properties": {"SNIPPETS_MODE": "DISABLE"}}
    assert "80%" in note
    monkeypatch.setattr(optimising, "speeds", lambda _: {"0": 1.0, "1": 0.99})
    assert tuned(plain) == (plain, "")


def test_what_cannot_be_opened_takes_no_part(texts: Draft) -> None:
    broken = replace(texts, serving=replace(texts.serving, model="none.onnx"))
    found = speeds({"whole": texts, "broken": broken}, (1,))
    assert list(found) == ["whole"]
    assert found["whole"] > 0
