"""Low-rank changes kept beside a layer's weight instead of in it: ``y = W x + up (down x)``.

A LoRA that is added into weights makes a copy of each weight that it touches, a gigabyte for Stable Diffusion 1. Beside
them it costs its own few megabytes and nothing to put on or take off, against some more multiplications at each step;
`worth_it` says where that is the better bargain. Hu et al. (2021), https://arxiv.org/abs/2106.09685, figure 1.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

DEAREST = 1 / 32
"""The most multiplications that a change may add to a layer, as a share of the layer's own."""

_UP, _DOWN = "beside_up", "beside_down"


def worth_it(shape: Sequence[int], rank: int) -> bool:
    """Whether a change of this rank costs a layer with a weight of this shape little enough at each step."""
    out, row = shape[0], math.prod(shape[1:])
    return rank * (out + row) <= DEAREST * out * row


def takes(layer: nn.Module) -> bool:
    """Whether a layer can have a change beside it."""
    return isinstance(layer, nn.Linear) or (isinstance(layer, nn.Conv2d) and layer.groups == 1)


def put_beside(layer: nn.Module, up: Tensor, down: Tensor) -> None:
    """Put a change beside a layer's weight; further ones add up.

    Args:
        layer: what `takes` takes.
        up: (out, rank), scaled.
        down: (rank, in, ...), of the weight's kernel.

    """
    present = dict(layer.named_buffers(recurse=False))
    if _UP in present:
        up = torch.cat([present[_UP], up.to(present[_UP])], dim=1)
        down = torch.cat([present[_DOWN], down.to(present[_DOWN])])
    else:
        layer.register_forward_hook(_add)
    layer.register_buffer(_UP, up, persistent=False)
    layer.register_buffer(_DOWN, down, persistent=False)


def _add(layer: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> Tensor:
    x: Tensor = inputs[0]
    # A network that is streamed computes in another place and type than its weights are stored in.
    up, down = (layer.get_buffer(name).to(x.device, x.dtype) for name in (_UP, _DOWN))
    if isinstance(layer, nn.Conv2d):
        inner = functional.conv2d(x, down, None, layer.stride, layer.padding, layer.dilation)
        return output + functional.conv2d(inner, up[..., None, None])
    inner = functional.linear(x, down)
    return torch.addmm(output.flatten(0, -2), inner.flatten(0, -2), up.T).view(output.shape)


def folded(network: nn.Module, name: str) -> Tensor:
    """Return a parameter with what lies beside it added in; for saving, merging and converting a network.

    Args:
        network: the network.
        name: the parameter's, in it.

    """
    owner, _, leaf = name.rpartition(".")
    layer, weight = network.get_submodule(owner), network.get_parameter(name)
    present = dict(layer.named_buffers(recurse=False))
    if leaf != "weight" or _UP not in present:
        return weight
    product = present[_UP].float() @ present[_DOWN].float().flatten(1)
    return (weight.float() + product.view(weight.shape)).to(weight.dtype)
