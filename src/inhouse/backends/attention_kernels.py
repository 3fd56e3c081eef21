"""Implementations of attention: softmax(q k^T / sqrt(d)) v, by the formula, in slices, and by fused kernels.

Vaswani et al. (2017), https://arxiv.org/abs/1706.03762. All take queries, keys and values (batch, tokens, channels),
heads side by side in the channels, and give (batch, tokens, channels); they differ in rounding, memory and time.
"""

# A tensor's methods are untyped in torch.
# mypy: disable-error-code="no-any-return, no-untyped-call"

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

Attend: TypeAlias = Callable[[Tensor, Tensor, Tensor, int], Tensor]
"""``attend(query, key, value, heads) -> tokens``."""

SLICE_BYTES = 128 * 2**20
"""How large the matrix of scores may become where queries are taken in slices."""

_KERNELS = threading.RLock()  # torch keeps for the whole process which kernels may be used


@dataclass(frozen=True, slots=True)
class Implementation:
    """A row of the table.

    Attributes:
        name: as settings and nodes have it.
        attend: computes the attention of any tensors.
        strict: as ``attend``, but refuses with a RuntimeError what its kernel cannot compute.
        lacking: tells of a device why it cannot be used there; empty where it can.
        fused: whether the matrix of scores is never whole in memory.

    """

    name: str
    attend: Attend
    strict: Attend
    lacking: Callable[[torch.device], str]
    fused: bool


def split(tensor: Tensor, heads: int) -> Tensor:
    """Return (batch, heads, tokens, channels a head)."""
    return tensor.unflatten(-1, (heads, -1)).transpose(1, 2)


def sdpa(query: Tensor, key: Tensor, value: Tensor, heads: int) -> Tensor:
    """Attend with whichever of its kernels torch takes."""
    query, key, value = split(query, heads), split(key, heads), split(value, heads)
    return functional.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)


def plain(query: Tensor, key: Tensor, value: Tensor, heads: int) -> Tensor:
    """Attend by the formula, the whole matrix of scores at once."""
    query, key, value = split(query, heads), split(key, heads), split(value, heads)
    scores = query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5
    return (scores.softmax(dim=-1) @ value).transpose(1, 2).flatten(2)


def in_slices(attend: Attend, most_bytes: int = SLICE_BYTES) -> Attend:
    """Return an attention over so many queries at a time that their scores take at most this many bytes."""

    def sliced(query: Tensor, key: Tensor, value: Tensor, heads: int) -> Tensor:
        bytes_each = query.shape[0] * heads * key.shape[1] * query.element_size()
        length = max(1, most_bytes // max(1, bytes_each))
        if length >= query.shape[1]:
            return attend(query, key, value, heads)
        mixed = query.new_empty(*query.shape[:2], value.shape[-1])
        for start in range(0, query.shape[1], length):
            mixed[:, start : start + length] = attend(query[:, start : start + length], key, value, heads)
        return mixed

    return sliced


def kernel(*allowed: SDPBackend) -> Attend:
    """Return torch's attention by one of some kernels."""

    def attend(query: Tensor, key: Tensor, value: Tensor, heads: int) -> Tensor:
        with _KERNELS, sdpa_kernel(list(allowed)):
            return sdpa(query, key, value, heads)

    return attend


def xformers(query: Tensor, key: Tensor, value: Tensor, heads: int) -> Tensor:
    """Attend with xformers' memory-efficient kernels."""
    from xformers.ops import memory_efficient_attention

    query, key, value = (tensor.unflatten(-1, (heads, -1)) for tensor in (query, key, value))
    return memory_efficient_attention(query, key, value).flatten(2)


def _anywhere(device: torch.device) -> str:
    del device
    return ""


def _on_cuda(device: torch.device) -> str:
    return "" if device.type == "cuda" else f"is for graphics cards, not for {device.type}"


def _flash(device: torch.device) -> str:
    if device.type == "cuda" and torch.cuda.get_device_capability(device) < (8, 0):
        return "needs a card of compute capability 8.0"
    return "" if device.type in {"cpu", "cuda"} else f"is not for {device.type}"


def _xformers(device: torch.device) -> str:
    if reason := _on_cuda(device):
        return reason
    return "" if importlib.util.find_spec("xformers") else "is not installed: pip install xformers"


def _one_kernel(name: str, backend: SDPBackend, lacking: Callable[[torch.device], str]) -> Implementation:
    return Implementation(name, kernel(backend, SDPBackend.MATH), kernel(backend), lacking, fused=True)


_MATH = in_slices(kernel(SDPBackend.MATH))
_SLICED = in_slices(plain)

TABLE = (
    Implementation("sdpa", sdpa, sdpa, _anywhere, fused=True),
    _one_kernel("flash", SDPBackend.FLASH_ATTENTION, _flash),
    _one_kernel("efficient", SDPBackend.EFFICIENT_ATTENTION, _on_cuda),
    _one_kernel("cudnn", SDPBackend.CUDNN_ATTENTION, _on_cuda),
    Implementation("xformers", xformers, xformers, _xformers, fused=True),
    Implementation("math", _MATH, _MATH, _anywhere, fused=False),
    Implementation("sliced", _SLICED, _SLICED, _anywhere, fused=False),
    Implementation("plain", plain, plain, _anywhere, fused=False),
)
"""Every implementation, the one to prefer first."""
