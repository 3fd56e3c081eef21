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
        delta: the change at full strength, before ``alpha / rank``; its first axis are the parameter's rows.
        rank: what ``alpha`` is divided by; 0 where it is ignored.

    """

    name: str
    required: frozenset[str]
    optional: frozenset[str]
    delta: Callable[[Roles], Tensor]
    rank: Callable[[Roles], int]

    def takes(self, roles: Roles) -> bool:
        """Whether a parameter's tensors are of this kind."""
        return self.required <= roles.keys() <= self.required | self.optional


@dataclass(frozen=True, slots=True)
class Change:
    """What a file does to one parameter.

    Attributes:
        adapter: the kind.
        roles: the tensors.
        shape: (rows, elements a row) of the parameter.

    """

    adapter: Adapter
    roles: Roles
    shape: tuple[int, int]

    @property
    def nbytes(self) -> int:
        """Bytes of the tensors."""
        return sum(tensor.nbytes for tensor in self.roles.values())

    @property
    def scale(self) -> float:
        """The factor that the file itself puts on the change: alpha / rank."""
        rank = self.adapter.rank(self.roles) if "alpha" in self.roles else 0
        return float(self.roles["alpha"]) / rank if rank else 1.0

    def fits(self, shape: tuple[int, ...], *, whole: bool = True) -> bool:
        """Whether it changes a parameter of this shape, or with ``whole`` off some rows of one.

        Magnitudes of columns need all rows at once.
        """
        magnitude = self.roles.get("dora_scale")
        apart = whole or magnitude is None or magnitude.shape[0] == shape[0]
        return apart and self.shape == (shape[0], math.prod(shape[1:]))

    def apply(self, weight: Tensor, strength: float, rows: Rows = WHOLE) -> Tensor:
        """Return the changed parameter, of the same shape; ``weight`` is float32 and stays as it is.

        ``rows`` are the rows of the change that are for this parameter.
        """
        floats = {role: tensor.to(weight.device, torch.float32) for role, tensor in self.roles.items()}
        delta = rows.of(self.adapter.delta(floats).reshape(-1, *weight.shape[1:]))
        if "dora_scale" in floats:
            decomposed = _decomposed(weight, delta * self.scale, rows.of(floats["dora_scale"]))
            return weight + strength * (decomposed - weight)
        return torch.add(weight, delta, alpha=strength * self.scale)

    def low_rank(self, rows: Rows = WHOLE) -> tuple[Tensor, Tensor] | None:
        """Return up (rows, rank) and down (rank, in, ...) whose product is the whole change but for its scale.

        None for a change that is no such product.
        """
        if self.roles.keys() - {"alpha"} != {"up", "down"}:
            return None
        return rows.of(self.roles["up"].flatten(1)), self.roles["down"]


def change_of(roles: Roles) -> Change | None:
    """Return what tensors do to a parameter, None for an unknown kind, or for tensors that do not go together."""
    adapter = adapter_of(roles)
    if adapter is None or ("alpha" in roles and roles["alpha"].numel() != 1):
        return None
    try:
        delta = adapter.delta({role: torch.empty(tensor.shape, device="meta") for role, tensor in roles.items()})
    except (RuntimeError, IndexError, ValueError):
        return None
    shape = (delta.shape[0], math.prod(delta.shape[1:])) if delta.ndim else (1, 1)
    magnitude = roles.get("dora_scale")
    return Change(adapter, roles, shape) if magnitude is None or _measures(magnitude, delta) else None


def _measures(magnitude: Tensor, delta: Tensor) -> bool:
    """Whether magnitudes are one for each row, or for each column, of a change."""
    elements = math.prod(delta.shape[1:])
    columns = magnitude.ndim > 1 and magnitude.shape[0] == 1 and elements % magnitude.shape[1] == 0
    return magnitude.numel() == delta.shape[0] or (columns and magnitude.numel() == magnitude.shape[1])


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


def _low_rank(roles: Roles) -> Tensor:
    """LoRA: up @ down. Hu et al. (2021), https://arxiv.org/abs/2106.09685."""
    return _product(roles["up"], roles["down"], roles.get("mid"))


def _hadamard(roles: Roles) -> Tensor:
    """LoHa: the elementwise product of two low-rank products."""
    return _half(roles, "hada_w1", "hada_t1") * _half(roles, "hada_w2", "hada_t2")


def _half(roles: Roles, name: str, core: str) -> Tensor:
    left, right = roles[f"{name}_a"], roles[f"{name}_b"]
    return _product(left.T, right, roles[core]) if core in roles else left @ right


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
        _low_rank,
        lambda roles: roles["down"].shape[0],
    ),
    Adapter(
        "LoHa",
        frozenset({"hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b"}),
        _SCALED | {"hada_t1", "hada_t2"},
        _hadamard,
        lambda roles: roles["hada_w1_b"].shape[0],
    ),
    *(
        Adapter("LoKr", first | second, _SCALED | {"lokr_t2"}, _kronecker, _kronecker_rank)
        for first in _halves("lokr_w1")
        for second in _halves("lokr_w2")
    ),
    Adapter(
        "difference",
        frozenset({"diff"}),
        frozenset(),
        lambda roles: roles["diff"],
        lambda _: 0,
    ),
)


def adapter_of(roles: Roles) -> Adapter | None:
    """Return the kind of a parameter's tensors, None where it is unknown."""
    return next((adapter for adapter in ADAPTERS if adapter.takes(roles)), None)
