"""Kinds of weight adapter: from the small tensors that a LoRA file has for a layer to what its weight becomes.

To support another kind, add a row to `ADAPTERS`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import torch

if TYPE_CHECKING:
    from torch import Tensor

Roles: TypeAlias = "Mapping[str, Tensor]"
"""Role (``down``, ``up``, ``alpha``, ...) -> tensor, for one layer."""


@dataclass(frozen=True, slots=True)
class Adapter:
    """One kind of adapter.

    Attributes:
        name: of the kind.
        required: the roles that its tensors have.
        optional: roles that may be there too.
        shape: the shape, flat (out, in), of the weight that some tensors are made for.
        apply: ``(weight float32, roles, strength) -> weight``, of the same shape.

    """

    name: str
    required: frozenset[str]
    optional: frozenset[str]
    shape: Callable[[Roles], tuple[int, int]]
    apply: Callable[[Tensor, Roles, float], Tensor]

    def takes(self, roles: Roles) -> bool:
        """Whether a layer's tensors are of this kind."""
        return self.required <= roles.keys() <= self.required | self.optional


def _low_rank_shape(roles: Roles) -> tuple[int, int]:
    kernel = math.prod(roles["mid"].shape[2:]) if "mid" in roles else 1
    return roles["up"].shape[0], math.prod(roles["down"].shape[1:]) * kernel


def _low_rank(weight: Tensor, roles: Roles, strength: float) -> Tensor:
    """Add ``strength * alpha / rank * up @ down``: LoRA, Hu et al. (2021), https://arxiv.org/abs/2106.09685."""
    up, down = roles["up"].float().flatten(1), roles["down"].float().flatten(1)
    delta = torch.einsum("oa,ab...,bi->oi...", up, roles["mid"].float(), down) if "mid" in roles else up @ down
    rank = down.shape[0]
    scale = strength * float(roles["alpha"]) / rank if "alpha" in roles else strength
    return weight + delta.reshape(weight.shape) * scale


ADAPTERS = (Adapter("LoRA", frozenset({"up", "down"}), frozenset({"mid", "alpha"}), _low_rank_shape, _low_rank),)


def adapter_of(roles: Roles) -> Adapter | None:
    """Return the kind of a layer's tensors, None where it is unknown."""
    return next((adapter for adapter in ADAPTERS if adapter.takes(roles)), None)
