"""Inputs of modules that say nothing of them: names from their signature, shapes from what the user gives."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from inhouse.errors import ModelUnsupportedError, UsageError
from inhouse.models.signature import BATCH, Size, TensorSpec
from inhouse.packs.conversion.model import SourceModel
from inhouse.packs.conversion.sources.request import Request
from inhouse.packs.conversion.sources.samples import MOST, load_arrays
from inhouse.packs.conversion.sources.transformers_folder import build, labels_asset

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import nn

    from inhouse.backends.sessions.base import Feeds

_LONGEST = 512
Axes = Mapping[str, Mapping[int, str]]


def parameters_of(function: Any) -> list[str]:
    """Return the names of a function's parameters that must be given."""
    required = (
        parameter
        for parameter in inspect.signature(function).parameters.values()
        if parameter.kind in {parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD}
    )
    return [parameter.name for parameter in required if parameter.default is parameter.empty]


def arrays_of(data: Path | None, names: Sequence[str], what: str) -> dict[str, NDArray[Any]]:
    """Return the user's arrays by the names of the inputs.

    Raises:
        UsageError: there are none, or others.

    """
    if data is None:
        raise UsageError(
            f"{what} does not say what it takes.",
            hint=f"Give --data FILE.npz with arrays by name ({', '.join(names)}), rows first.",
        )
    arrays = load_arrays(data)
    if data.suffix == ".npy" and len(names) == 1:
        return {names[0]: next(iter(arrays.values()))}
    if missing := [name for name in names if name not in arrays]:
        raise UsageError(f"{data.name} lacks {', '.join(missing)}.", hint="Save the arrays by the inputs' names.")
    return {name: arrays[name] for name in names}


def specs_of(arrays: Mapping[str, NDArray[Any]], axes: Axes | None = None) -> tuple[TensorSpec, ...]:
    """Return specs of arrays: their first axis is the batch, and others are fixed, where nothing else is said."""
    specs = []
    for name, array in arrays.items():
        shape: list[Size] = list(array.shape)
        for axis, free in (axes or {}).get(name, {0: BATCH} if axes is None else {}).items():
            if axis < len(shape):
                shape[axis] = free
        specs.append(TensorSpec(name, str(array.dtype), tuple(shape)))
    return tuple(specs)


def limits_of(specs: Sequence[TensorSpec]) -> dict[str, tuple[int, int]]:
    """Return limits of free axes of which nothing is known."""
    names = {size for spec in specs for size in spec.shape if isinstance(size, str)}
    return {name: (1, 64 if name == BATCH else _LONGEST) for name in names}


def values_of(arrays: Mapping[str, NDArray[Any]]) -> dict[str, tuple[float, float]]:
    """Return the least and greatest value of each."""
    return {name: (float(array.min()), float(array.max())) for name, array in arrays.items() if array.size}


def rows_of(arrays: Mapping[str, NDArray[Any]], specs: Sequence[TensorSpec]) -> list[Feeds]:
    """Return samples of one row each, at least 8."""
    counts = [arrays[spec.name].shape[0] for spec in specs if spec.batched]
    rows: list[Feeds] = [
        {spec.name: _row(arrays[spec.name], row, batched=spec.batched) for spec in specs}
        for row in range(min(*counts, MOST) if counts else 1)
    ]
    if not rows:
        raise UsageError("The examples have no rows.", hint="Give at least a few.")
    return (rows * 8)[: max(8, len(rows))]


def _row(array: NDArray[Any], row: int, *, batched: bool) -> NDArray[Any]:
    return np.ascontiguousarray(array[row : row + 1] if batched else array)


def build_from_examples(
    request: Request,
    module: nn.Module,
    arrays: Mapping[str, NDArray[Any]],
    *,
    format_: str,
    axes: Axes | None = None,
    facts: dict[str, Any] | None = None,
) -> SourceModel:
    """Return the source of a module; its first axes are the batch, unless it fails at other batches than the example's.

    Raises:
        ModelUnsupportedError: it does not run on its own examples, or not at other lengths of axes that are said to be
            free.

    """

    def made(free: Axes | None) -> SourceModel:
        specs = specs_of(arrays, free)
        return build(
            request,
            module,
            format_=format_,
            task=request.task or "tensors",
            inputs=specs,
            outputs=None,
            samples=rows_of(arrays, specs),
            limits=limits_of(specs),
            values=values_of(arrays),
            assets=labels_asset(request),
            facts=facts,
        )

    if axes is not None:
        return made(axes)
    try:
        return made(None)
    except ModelUnsupportedError:
        return made({})
