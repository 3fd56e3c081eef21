"""What engines that take an exported network share."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch

from inhouse.packs.diffusion.engines.base import Flat, Shape, Told

if TYPE_CHECKING:
    from torch import Tensor, nn


def exportable(network: nn.Module, shape: Shape) -> Flat:
    """Return a network to export: in float32, which every runtime knows, whatever it computes in here."""
    if shape.dtype != "float32":
        network = copy.deepcopy(network).float()
    return Flat(network, shape.names).eval()


def examples(example: Told) -> Told:
    """Return tensors to export with: float32, and two samples, for one would be taken for a constant."""
    return tuple(_two(tensor) for tensor in example)


def _two(tensor: Tensor) -> Tensor:
    rows = tensor if tensor.shape[0] > 1 else torch.cat([tensor, tensor])
    return rows[:2].float().cpu().clone()
