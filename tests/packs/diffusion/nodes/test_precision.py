from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tests.packs.diffusion.checkpoints import save, unet_tensors

from inhouse.packs.diffusion.loading import load_diffusion_model
from inhouse.packs.diffusion.networks.inputs import NetworkInputs
from inhouse.packs.diffusion.nodes.precision import compute_dtype

INPUTS = torch.ones(1, 4, 4, 4), torch.tensor([500]), NetworkInputs(torch.ones(1, 3, 64))


@pytest.mark.parametrize(
    ("name", "dtype"), [("fp32", torch.float32), ("fp16", torch.float16), ("bf16", torch.bfloat16)]
)
def test_a_model_computes_in_the_type_that_is_asked_for(tmp_path: Path, name: str, dtype: torch.dtype) -> None:
    model = load_diffusion_model(save(tmp_path / "m.safetensors", unet_tensors()))
    changed = compute_dtype(model=model, dtype=name)
    with changed.network.lease() as network:
        assert {parameter.dtype for parameter in network.parameters()} == {dtype}
    assert not model.network.loaded
    assert (changed.dtype, model.dtype) == (dtype, torch.float32)


def test_the_default_leaves_it_as_it_is(tmp_path: Path) -> None:
    model = load_diffusion_model(save(tmp_path / "m.safetensors", unet_tensors()))
    assert compute_dtype(model=model, dtype="default") is model


def test_half_the_precision_changes_little(tmp_path: Path) -> None:
    model = load_diffusion_model(save(tmp_path / "m.safetensors", unet_tensors()))
    exact, fast = (each.predict(*INPUTS) for each in (model, compute_dtype(model=model, dtype="bf16")))
    torch.testing.assert_close(fast, exact, atol=0.05, rtol=0.05)
