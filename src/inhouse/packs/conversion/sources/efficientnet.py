"""EfficientNet-Lite0, with the padding of TensorFlow, which its weights were trained with.

Tan and Le, 2019 (https://arxiv.org/abs/1905.11946), in the variant for integers: no squeeze-and-excitation, and ReLU6.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from inhouse.packs.conversion.sources.vision import Preparation

if TYPE_CHECKING:
    from torch import Tensor

_STAGES = (
    # repeats, kernel, stride, expansion, channels out
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
_STEM, _HEAD, _CLASSES = 32, 1280, 1000

PREPARATION = Preparation(size=224, resize=256, mean=(127.0,) * 3, std=(128.0,) * 3)
"""These weights want (x - 127) / 128; ImageNet's usual mean and deviation seem to work, and answer worse."""


class SameConv(nn.Conv2d):
    """A convolution whose output has ``ceil(size / stride)`` pixels: the odd pixel of padding is at the end."""

    def forward(self, tensor: Tensor) -> Tensor:
        """Convolve."""
        pads: list[int] = []
        for size, kernel, stride in zip(reversed(tensor.shape[2:]), self.kernel_size, self.stride, strict=True):
            total = max((-(-int(size) // stride) - 1) * stride + kernel - int(size), 0)
            pads += [total // 2, total - total // 2]
        return super().forward(functional.pad(tensor, pads) if any(pads) else tensor)


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3)


class Block(nn.Module):
    """An inverted residual: expand, filter each channel, project; what came in is added where it fits."""

    def __init__(self, width: int, kernel: int, stride: int, expansion: int, out: int) -> None:
        super().__init__()
        inner = width * expansion
        if expansion != 1:
            self._expand_conv = nn.Conv2d(width, inner, 1, bias=False)
            self._bn0 = _norm(inner)
        self._depthwise_conv = SameConv(inner, inner, kernel, stride, groups=inner, bias=False)
        self._bn1 = _norm(inner)
        self._project_conv = nn.Conv2d(inner, out, 1, bias=False)
        self._bn2 = _norm(out)
        self._expands, self._adds = expansion != 1, stride == 1 and width == out

    def forward(self, tensor: Tensor) -> Tensor:
        """Compute the block."""
        inner = functional.relu6(self._bn0(self._expand_conv(tensor))) if self._expands else tensor
        inner = functional.relu6(self._bn1(self._depthwise_conv(inner)))
        inner = self._bn2(self._project_conv(inner))
        out: Tensor = tensor + inner if self._adds else inner
        return out


class EfficientNetLite0(nn.Module):
    """Scaled pictures ``(batch, 3, 224, 224)`` in, logits ``(batch, 1000)`` out."""

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = SameConv(3, _STEM, 3, 2, bias=False)
        self._bn0 = _norm(_STEM)
        blocks, width = [], _STEM
        for repeats, kernel, stride, expansion, out in _STAGES:
            for number in range(repeats):
                blocks.append(Block(width, kernel, stride if number == 0 else 1, expansion, out))
                width = out
        self._blocks = nn.ModuleList(blocks)
        self._conv_head = nn.Conv2d(width, _HEAD, 1, bias=False)
        self._bn1 = _norm(_HEAD)
        self._fc = nn.Linear(_HEAD, _CLASSES)

    def forward(self, tensor: Tensor) -> Tensor:
        """Classify pictures."""
        tensor = functional.relu6(self._bn0(self._conv_stem(tensor)))
        for block in self._blocks:
            tensor = block(tensor)
        tensor = functional.relu6(self._bn1(self._conv_head(tensor)))
        logits: Tensor = self._fc(tensor.mean((2, 3)))
        return logits


def in_our_names(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return weights under our names, whether they have those, timm's, or others in the order of the network."""
    with torch.device("meta"):
        ours = [name for name in EfficientNetLite0().state_dict() if not name.endswith(_COUNTER)]
    given = {name: tensor for name, tensor in weights.items() if not name.endswith(_COUNTER)}
    if given.keys() == set(ours):
        return given
    theirs = [_timm(name) for name in ours]
    if given.keys() == set(theirs):
        return {name: given[other] for name, other in zip(ours, theirs, strict=True)}
    return dict(zip(ours, given.values(), strict=True))


def _timm(name: str) -> str:
    """Return what timm calls a weight: its blocks lie in stages, and each numbers its layers from 1."""
    if not name.startswith("_blocks."):
        layer, kind = name.split(".")
        return f"{_TIMM_TOP[layer]}.{kind}"
    _, number, layer, kind = name.split(".")
    stage, block = _place(int(number))
    names = _TIMM_FIRST if int(number) == 0 else _TIMM_BLOCK
    return f"blocks.{stage}.{block}.{names[layer]}.{kind}"


def _place(number: int) -> tuple[int, int]:
    for stage, (repeats, *_) in enumerate(_STAGES):
        if number < repeats:
            return stage, number
        number -= repeats
    raise IndexError(number)


_COUNTER = "num_batches_tracked"
_TIMM_TOP = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
_TIMM_FIRST = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
_TIMM_BLOCK = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}
