"""Programs of torch.export."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from torch import nn

from inhouse.backends.sessions.base import SessionOptions
from inhouse.backends.sessions.torch_export import TorchExport
from inhouse.errors import ModelFormatError, ModelNotFoundError, NodeInputError, UsageError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def program(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    rows = torch.export.Dim("rows", min=1, max=64)
    exported = torch.export.export(nn.Linear(3, 2), (torch.zeros(2, 3),), dynamic_shapes=({0: rows},))
    torch.export.save(exported, tmp_path / "linear.pt2")
    return tmp_path / "linear.pt2"


@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 1e-6), ("bf16", 2e-2)])
def test_it_computes_what_the_program_says_for_any_batch(program: Path, precision: str, tolerance: float) -> None:
    session = TorchExport().open(program, SessionOptions(precision=precision, threads=torch.get_num_threads()))
    [(name, (dtype, shape))] = session.inputs.items()
    assert dtype == np.float32
    assert isinstance(shape[0], str)
    assert shape[1:] == (3,)
    torch.manual_seed(0)
    layer = nn.Linear(3, 2)
    for rows in (1, 5):
        x = np.random.default_rng(rows).standard_normal((rows, 3), dtype=np.float32)
        found = session.run({name: x})[session.outputs[0]]
        np.testing.assert_allclose(found, layer(torch.tensor(x)).detach().numpy(), rtol=tolerance, atol=tolerance)
    with pytest.raises(NodeInputError, match=r"is missing"):
        session.run({})
    session.close()


def test_what_cannot_be_loaded_is_told(program: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError):
        TorchExport().open(tmp_path / "none.pt2", SessionOptions())
    with pytest.raises(UsageError, match="int8"):
        TorchExport().open(program, SessionOptions(precision="int8"))
    assert "no cuda" in TorchExport().lacking("cuda:0")
    program.write_bytes(b"no program")
    with pytest.raises(ModelFormatError, match=r"linear\.pt2"):
        TorchExport().open(program, SessionOptions())
