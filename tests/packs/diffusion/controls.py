"""Small ControlNets and adapters, made from a seed by diffusers, which our networks are compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from tests.packs.diffusion.checkpoints import seeded

if TYPE_CHECKING:
    from torch import Tensor, nn

SMALL: dict[str, Any] = {
    "block_out_channels": (32, 64),
    "layers_per_block": 1,
    "down_block_types": ("CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "cross_attention_dim": 64,
    "attention_head_dim": 8,
}
"""As `checkpoints.SD1` is."""


def control_net(**options: Any) -> nn.Module:
    """Return a ControlNet of diffusers."""
    from diffusers import ControlNetModel

    network: nn.Module = ControlNetModel(**{**SMALL, **options})
    return seeded(network)


def control_tensors(**options: Any) -> dict[str, Tensor]:
    """Return a ControlNet's tensors in diffusers' layout."""
    return dict(control_net(**options).state_dict())


def original_layout(tensors: dict[str, Tensor], prefix: str = "control_model.") -> dict[str, Tensor]:
    """Return the tensors of a ControlNet of diffusers in the paper's layout."""
    from inhouse.packs.diffusion.control_names import control_net_from_diffusers

    marks: Any = {name: name for name in tensors}
    return {prefix + ours: tensors[theirs] for ours, theirs in control_net_from_diffusers(marks).items()}  # type: ignore[index]


def adapter(**options: Any) -> nn.Module:
    """Return a T2I-adapter of diffusers."""
    from diffusers import T2IAdapter

    network: nn.Module = T2IAdapter(**options)
    return seeded(network)


def picture(height: int = 64, width: int = 64, batch: int = 1, seed: int = 0) -> Tensor:
    """Return a picture (batch, height, width, 3), 0 to 1."""
    return torch.rand(batch, height, width, 3, generator=torch.Generator().manual_seed(seed))
