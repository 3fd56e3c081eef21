"""Kinds of weight adapter: from the small tensors that a LoRA file has for a parameter to what the parameter becomes.

To support another kind, add a row to `ADAPTERS`. The formulas are those of LyCORIS (Yeh et al. 2023,
https://arxiv.org/abs/2309.14859), whose names the files use.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import torch

from inhouse.packs.diffusion.rows import WHOLE, Rows

if TYPE_CHECKING:
    from torch import Tensor

Roles: TypeAlias = "Mapping[str, Tensor]"
"""Role (``down``, ``up``, ``alpha``, ...) -> tensor, for one parameter."""


@dataclass(frozen=True, slots=True)
class Adapter:
    """One kind of adapter.

    Attributes:
        name: of the kind.
        required: the roles that its tensors have.
        optional: roles that may be there too.
        shape: (out, elements a row) of the change.
        delta: the change at full strength, before ``alpha / rank``; of the parameter's size, in any shape.
        rank: what ``alpha`` is divided by; 0 where it is ignored.

    """

    name: str
    required: frozenset[str]
    optional: frozenset[str]
    shape: Callable[[Roles], tuple[int, int]]
    delta: Callable[[Roles], Tensor]
    rank: Callable[[Roles], int]

    def takes(self, roles: Roles) -> bool:
        """Whether a parameter's tensors are of this kind."""
        return self.required <= roles.keys() <= self.required | self.optional

    def fits(self, roles: Roles, shape: tuple[int, ...], *, whole: bool = True) -> bool:
        """Whether tensors of this kind change a parameter of this shape, or with ``whole`` off some rows of one.

        Magnitudes of columns need all rows at once.
        """
        magnitude = roles.get("dora_scale")
        apart = whole or magnitude is None or magnitude.shape[0] == shape[0]
        return apart and self.shape(roles) == (shape[0], math.prod(shape[1:]))

    def apply(self, weight: Tensor, roles: Roles, strength: float, rows: Rows = WHOLE) -> Tensor:
        """Return the changed parameter, of the same shape; ``weight`` is float32 and stays as it is.

        ``rows`` are the rows of the change that are for this parameter.
        """
        floats = {role: tensor.float() for role, tensor in roles.items()}
        rank = self.rank(roles) if "alpha" in roles else 0
        scale = float(roles["alpha"]) / rank if rank else 1.0
        delta = rows.of(self.delta(floats).reshape(-1, *weight.shape[1:])) * scale
        if "dora_scale" in roles:
            magnitude = rows.of(floats["dora_scale"])
            return weight + strength * (_decomposed(weight, delta, magnitude) - weight)
        return weight + strength * delta


def _decomposed(weight: Tensor, delta: Tensor, magnitude: Tensor) -> Tensor:
    """Give each row, or each column, its own length: DoRA, Liu et al. (2024), https://arxiv.org/abs/2402.09353.

    Columns are divided by their length after the change, as in the paper; rows by their length before it, as
    the files with rows' magnitudes are made to be used.

    Args:
        weight: (out, in, ...).
        delta: its change, of the same shape.
        magnitude: (out, 1, ...) for rows or (1, in, ...) for columns.

    """
    rows = magnitude.shape[0] == weight.shape[0]
    others = [axis for axis in range(weight.ndim) if axis != (0 if rows else 1)]
    norm: Tensor = torch.linalg.vector_norm(weight if rows else weight + delta, dim=others, keepdim=True)
    return (weight + delta) * (magnitude.reshape(norm.shape) / norm)


def _product(left: Tensor, right: Tensor, core: Tensor | None) -> Tensor:
    """Return ``left @ right``, (out, rank) by (rank, in, ...), or with a core (rank, rank, ...) between, Tucker's."""
    if core is None:
        return left.flatten(1) @ right.flatten(1)
    return torch.einsum("oa,ab...,bi->oi...", left.flatten(1), core, right.flatten(1))


def _product_shape(left: Tensor, right: Tensor, core: Tensor | None) -> tuple[int, int]:
    kernel = 1 if core is None else math.prod(core.shape[2:])
    return left.shape[0], math.prod(right.shape[1:]) * kernel


def _low_rank_shape(roles: Roles) -> tuple[int, int]:
    return _product_shape(roles["up"], roles["down"], roles.get("mid"))


def _low_rank(roles: Roles) -> Tensor:
    """LoRA: up @ down. Hu et al. (2021), https://arxiv.org/abs/2106.09685."""
    return _product(roles["up"], roles["down"], roles.get("mid"))


def _hadamard_shape(roles: Roles) -> tuple[int, int]:
    left, core = roles["hada_w1_a"], roles.get("hada_t1")
    return _product_shape(left if core is None else left.T, roles["hada_w1_b"], core)


def _hadamard(roles: Roles) -> Tensor:
    """LoHa: the elementwise product of two low-rank products."""
    return _half(roles, "hada_w1", "hada_t1") * _half(roles, "hada_w2", "hada_t2")


def _half(roles: Roles, name: str, core: str) -> Tensor:
    left, right = roles[f"{name}_a"], roles[f"{name}_b"]
    return _product(left.T, right, roles[core]) if core in roles else left @ right


def _kronecker_shape(roles: Roles) -> tuple[int, int]:
    (rows, row), (more_rows, more) = _factor_shape(roles, "lokr_w1"), _factor_shape(roles, "lokr_w2")
    return rows * more_rows, row * more


def _factor_shape(roles: Roles, name: str) -> tuple[int, int]:
    if name in roles:
        return roles[name].shape[0], math.prod(roles[name].shape[1:])
    core = roles.get("lokr_t2") if name == "lokr_w2" else None
    left = roles[f"{name}_a"]
    return _product_shape(left if core is None else left.T, roles[f"{name}_b"], core)


def _kronecker(roles: Roles) -> Tensor:
    """LoKr: the Kronecker product of two matrices, each whole or low-rank."""
    first, second = _factor(roles, "lokr_w1"), _factor(roles, "lokr_w2")
    return torch.kron(first.reshape(first.shape + (1,) * (second.ndim - first.ndim)), second.contiguous())


def _factor(roles: Roles, name: str) -> Tensor:
    if name in roles:
        return roles[name]
    left, right = roles[f"{name}_a"], roles[f"{name}_b"]
    core = roles.get("lokr_t2") if name == "lokr_w2" else None
    return left @ right if core is None else _product(left.T, right, core)


def _kronecker_rank(roles: Roles) -> int:
    return next((roles[name].shape[0] for name in ("lokr_w1_b", "lokr_w2_b") if name in roles), 0)


_SCALED = frozenset({"alpha", "dora_scale"})


def _halves(name: str) -> tuple[frozenset[str], frozenset[str]]:
    return frozenset({name}), frozenset({f"{name}_a", f"{name}_b"})


ADAPTERS = (
    Adapter(
        "LoRA",
        frozenset({"up", "down"}),
        _SCALED | {"mid"},
        _low_rank_shape,
        _low_rank,
        lambda roles: roles["down"].shape[0],
    ),
    Adapter(
        "LoHa",
        frozenset({"hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b"}),
        _SCALED | {"hada_t1", "hada_t2"},
        _hadamard_shape,
        _hadamard,
        lambda roles: roles["hada_w1_b"].shape[0],
    ),
    *(
        Adapter("LoKr", first | second, _SCALED | {"lokr_t2"}, _kronecker_shape, _kronecker, _kronecker_rank)
        for first in _halves("lokr_w1")
        for second in _halves("lokr_w2")
    ),
    Adapter(
        "difference",
        frozenset({"diff"}),
        frozenset(),
        lambda roles: (roles["diff"].shape[0], math.prod(roles["diff"].shape[1:])),
        lambda roles: roles["diff"],
        lambda _: 0,
    ),
)


def adapter_of(roles: Roles) -> Adapter | None:
    """Return the kind of a parameter's tensors, None where it is unknown."""
    return next((adapter for adapter in ADAPTERS if adapter.takes(roles)), None)
