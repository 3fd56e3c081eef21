"""Free axes: which lengths change what, found by trying; and the proof that none of them was frozen on the way."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from inhouse.errors import ConversionError, InhouseError
from inhouse.models.signature import BATCH, Size, TensorSpec

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from inhouse.backends.sessions.base import Feeds

_PROBES = (3, 5, 7, 11, 13, 17, 19, 23)
"""Lengths to try axes at: all different, none of them 1, so that each is recognised in an output's shape."""


def free_axes(specs: Sequence[TensorSpec]) -> tuple[str, ...]:
    """Return the names of all axes whose length may be any, in order."""
    return tuple(dict.fromkeys(size for spec in specs for size in spec.shape if isinstance(size, str)))


def lengths_at(specs: Sequence[TensorSpec], limits: Mapping[str, tuple[int, int]], turn: int = 0) -> dict[str, int]:
    """Return a length for each free axis, all different where their limits let them; another set at each turn."""
    lengths = {}
    for number, name in enumerate(free_axes(specs)):
        least, most = limits.get(name, (1, 1 << 30))
        probe = _PROBES[(number + turn) % len(_PROBES)]
        lengths[name] = probe if least <= probe <= most else min(most, least + number + turn)
    return lengths


def feeds_at(
    specs: Sequence[TensorSpec],
    lengths: Mapping[str, int],
    values: Mapping[str, tuple[float, float]],
    seed: int = 0,
) -> dict[str, NDArray[Any]]:
    """Return made-up tensors of these lengths, within what each input takes; masks (0 to 1) are all 1."""
    rng = np.random.default_rng(seed)
    return {spec.name: _made_up(spec, lengths, values.get(spec.name), rng) for spec in specs}


def _made_up(
    spec: TensorSpec, lengths: Mapping[str, int], bounds: tuple[float, float] | None, rng: np.random.Generator
) -> NDArray[Any]:
    shape = [lengths[size] if isinstance(size, str) else size for size in spec.shape]
    dtype = np.dtype(spec.dtype)
    if dtype.kind == "b":
        return np.ones(shape, dtype)
    if dtype.kind in "iu":
        least, most = bounds or (0, 1)
        return np.full(shape, most, dtype) if most <= 1 else rng.integers(int(least), int(most) + 1, shape, dtype)
    if dtype.kind != "f":
        raise ConversionError(f"{spec.name} is of type {spec.dtype}.", hint="Only numbers can be tried.")
    if bounds is None:
        return rng.standard_normal(shape).astype(dtype)
    return rng.uniform(*bounds, shape).astype(dtype)


def observed(
    answer: Callable[[Feeds], Feeds],
    inputs: Sequence[TensorSpec],
    limits: Mapping[str, tuple[int, int]],
    values: Mapping[str, tuple[float, float]],
) -> tuple[TensorSpec, ...]:
    """Return the outputs' names, types and axes, found by calling a model at several lengths of each free axis.

    An axis of an output that follows a free axis bears its name; one that changes otherwise (twice as long, say) is
    called after its output.
    """
    base = lengths_at(inputs, limits)
    first = answer(feeds_at(inputs, base, values))
    shapes: dict[str, list[Size]] = {name: list(array.shape) for name, array in first.items()}
    for axis, changed in _changes(inputs, base, limits):
        other = answer(feeds_at(inputs, changed, values))
        for name, array in other.items():
            for place, (before, after) in enumerate(zip(first[name].shape, array.shape, strict=True)):
                if before == after:
                    continue
                same = (before, after) == (base[axis], changed[axis])
                shapes[name][place] = axis if same else f"{name}_{place}"
    return tuple(TensorSpec(name, str(array.dtype), tuple(shapes[name])) for name, array in first.items())


def _changes(
    inputs: Sequence[TensorSpec], base: Mapping[str, int], limits: Mapping[str, tuple[int, int]]
) -> list[tuple[str, dict[str, int]]]:
    """Return each free axis with lengths in which it alone differs from ``base``, where its limits let it."""
    found = []
    for axis in free_axes(inputs):
        least, most = limits.get(axis, (1, 1 << 30))
        taken = set(base.values())
        other = next((n for n in (*_PROBES, *range(least, min(most, least + 16) + 1)) if n not in taken), None)
        if other is not None and least <= other <= most:
            found.append((axis, {**base, axis: other}))
    return found


def prove_free(
    answer: Callable[[Feeds], Feeds],
    inputs: Sequence[TensorSpec],
    outputs: Sequence[TensorSpec],
    limits: Mapping[str, tuple[int, int]],
    values: Mapping[str, tuple[float, float]],
) -> tuple[str, ...]:
    """Call a converted model at the ends of each free axis, and say what was tried.

    Raises:
        ConversionError: it fails at some lengths, or gives other shapes there than the original.

    """
    told = []
    for lengths in _ends(inputs, limits):
        said = ", ".join(f"{axis} {length}" for axis, length in lengths.items())
        try:
            found = answer(feeds_at(inputs, lengths, values))
        except (InhouseError, RuntimeError, ValueError) as error:
            raise ConversionError(
                f"An axis was frozen on the way: the converted model fails at {said}: {_short(error)}.", hint=_HINT
            ) from error
        for spec in outputs:
            _same_shape(spec, found[spec.name].shape, lengths, said)
        told.append(said)
    return tuple(told)


_HINT = "Export it with the other exporter, or convert it with fixed sizes."


def _ends(inputs: Sequence[TensorSpec], limits: Mapping[str, tuple[int, int]]) -> list[dict[str, int]]:
    """Return lengths to try: all at once small, then each axis at its least, and at a length away from both ends."""
    base = lengths_at(inputs, limits)
    tried = [base, lengths_at(inputs, limits, turn=1)]
    for axis in base:
        least, most = limits.get(axis, (1, 1 << 30))
        tried += [{**base, axis: least}, {**base, axis: min(most, 8 if axis == BATCH else 64)}]
    return [dict(pairs) for pairs in dict.fromkeys(tuple(lengths.items()) for lengths in tried)]


def _same_shape(spec: TensorSpec, shape: tuple[int, ...], lengths: Mapping[str, int], said: str) -> None:
    sizes = [lengths.get(size) if isinstance(size, str) else size for size in spec.shape]
    pairs = itertools.zip_longest(sizes, shape)
    if len(sizes) != len(shape) or any(wanted is not None and wanted != size for wanted, size in pairs):
        wanted = ", ".join(map(str, spec.shape))
        raise ConversionError(
            f"An axis was frozen on the way: at {said}, {spec.name} has shape {list(shape)} for [{wanted}].", hint=_HINT
        )


def _short(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200].rstrip(".")
