"""What a model costs to run."""

from dataclasses import replace
from pathlib import Path

import torch
from tests.packs.conversion.models import as_openvino

from inhouse.packs.conversion.costs import costs, model_files
from inhouse.packs.conversion.model import Draft


def test_both_sides_are_measured_and_torch_keeps_its_threads(text_draft: Draft) -> None:
    threads = torch.get_num_threads()
    before, after = costs(text_draft)
    assert before.latency_ms > 0
    assert after.latency_ms > 0
    assert after.memory_mb >= after.disk_mb > 0
    assert before.memory_mb == text_draft.source.nbytes / 1e6
    assert torch.get_num_threads() == threads


def test_a_model_is_all_its_files(picture_draft: Draft, tmp_path: Path) -> None:
    import onnx

    assert model_files(picture_draft.model) == [picture_draft.model]
    model = as_openvino(picture_draft)
    assert [file.name for file in model_files(model.model)] == ["model.xml", "model.bin"]
    big = tmp_path / "big.onnx"
    onnx.save(onnx.load(picture_draft.model), big, save_as_external_data=True, location="big.data", size_threshold=0)
    assert [file.name for file in model_files(big)] == ["big.onnx", "big.data"]
    assert replace(picture_draft, folder=tmp_path).folder == tmp_path
