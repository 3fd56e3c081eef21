from __future__ import annotations

from typing import Any

import pytest
import torch
from tests.packs.diffusion.controls import control_net, original_layout, picture

from inhouse.packs.diffusion.networks.control_net import ControlNetSpec, ControlNetwork
from inhouse.packs.diffusion.networks.inputs import NetworkInputs

XL: dict[str, Any] = {
    "block_out_channels": (64, 128),
    "attention_head_dim": (1, 2),
    "use_linear_projection": True,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 8,
    "projection_class_embeddings_input_dim": 80,
    "transformer_layers_per_block": (1, 2),
}


@pytest.mark.parametrize("options", [{}, XL], ids=["SD 1", "SDXL"])
def test_it_computes_what_diffusers_does(options: dict[str, Any]) -> None:
    theirs = control_net(**options)
    tensors = original_layout(dict(theirs.state_dict()), prefix="")
    spec = ControlNetSpec.from_shapes({name: tuple(tensor.shape) for name, tensor in tensors.items()})
    ours = ControlNetwork(spec)
    ours.load_state_dict({name: t.reshape(ours.get_parameter(name).shape) for name, t in tensors.items()})
    x, context, timestep = torch.randn(2, 4, 8, 6), torch.randn(2, 77, 64), torch.tensor([10.0, 500.0])
    hint = picture(64, 48, batch=2).movedim(-1, 1)
    pooled, ids = torch.randn(2, 32), torch.randn(2, 6)
    more = {"added_cond_kwargs": {"text_embeds": pooled, "time_ids": ids}} if options else {}
    vector = None
    if options:
        times = theirs.add_time_proj(ids.flatten()).reshape(2, -1)  # type: ignore[operator]
        vector = torch.cat([pooled, times], dim=-1)
    with torch.no_grad():
        down, middle = theirs(x, timestep, context, hint, return_dict=False, **more)
        found = ours(x, timestep, NetworkInputs(context, vector=vector), ours.encode(hint))
    assert len(found.skips) == len(down)
    for mine, wanted in zip((*found.skips, found.middle), (*down, middle), strict=True):
        torch.testing.assert_close(mine, wanted, rtol=1e-4, atol=1e-4)


def test_what_is_missing_is_named() -> None:
    with pytest.raises(KeyError, match=r"input_hint_block\.0\.weight"):
        ControlNetSpec.from_shapes({})
