"""Questions for a model: random tensors of the right kind, or rows of a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from inhouse.errors import FileError, UsageError
from inhouse.models.signature import BATCH

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from inhouse.packs.benchmark.asking import Declared

LENGTH, SIDE = 32, 224
"""How long an axis of any length is made: of tokens and the like, and of a picture."""
_IDS = 1000
"""Identifiers of tokens are below this, which every vocabulary has."""


@dataclass(frozen=True, slots=True)
class Questions:
    """What a model is asked.

    Attributes:
        sizes: length by name of an axis, beside the batch.
        values: least and greatest value by input, where they are known.
        data: a ``.npz`` file of real inputs by name, rows first; None for random ones.
        seed: of the random ones.

    """

    sizes: Mapping[str, int] = field(default_factory=dict)
    values: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    data: Path | None = None
    seed: int = 0

    def feeds(self, declared: Declared, batch: int) -> dict[str, NDArray[Any]]:
        """Return tensors for one call.

        Args:
            declared: type and axes by input.
            batch: rows; what the file has less of is taken again and again.

        Raises:
            FileError: the file cannot be read.
            UsageError: it lacks an input, or a model of fixed shape takes another batch.

        """
        given = self._read() if self.data is not None else {}
        random = np.random.default_rng(self.seed)
        found = {}
        for name, (dtype, axes) in declared.items():
            if axes and isinstance(axes[0], int) and axes[0] != batch:
                raise UsageError(f"The model takes batches of {axes[0]}, not of {batch}.", hint="Give --batch so.")
            if self.data is not None:
                if name not in given or not given[name].ndim or not len(given[name]):
                    raise UsageError(f"{self.data.name} has no rows for {name}.", hint="Save one array an input.")
                found[name] = np.ascontiguousarray(np.resize(given[name], (batch, *given[name].shape[1:])), dtype)
            else:
                found[name] = self._random(name, np.dtype(dtype), self.shape(axes, batch), random)
        return found

    def shape(self, axes: tuple[int | str, ...], batch: int) -> tuple[int, ...]:
        """Return the lengths of axes that may have names."""
        side = SIDE if len(axes) == 4 else LENGTH
        lengths = {BATCH: batch, **self.sizes}
        return tuple(
            axis if isinstance(axis, int) else batch if not place else lengths.get(axis, side)
            for place, axis in enumerate(axes)
        )

    def _random(
        self, name: str, dtype: np.dtype[Any], shape: tuple[int, ...], random: np.random.Generator
    ) -> NDArray[Any]:
        if name in self.values:
            low, high = self.values[name]
            if dtype.kind in "iu":
                return random.integers(int(low), max(int(low) + 1, int(high) + 1), shape).astype(dtype)
            return random.uniform(low, high, shape).astype(dtype)
        lower = name.lower()
        if dtype.kind in "iub":
            if "mask" in lower or dtype.kind == "b":
                return np.ones(shape, dtype)
            if "type" in lower or "segment" in lower:
                return np.zeros(shape, dtype)
            most = _IDS if dtype.itemsize > 1 else np.iinfo(dtype).max
            return random.integers(0, most, shape).astype(dtype)
        return random.standard_normal(shape).astype(dtype)

    def _read(self) -> dict[str, NDArray[Any]]:
        assert self.data is not None
        try:
            with np.load(self.data, allow_pickle=False) as archive:
                return {name: archive[name] for name in archive.files}
        except (OSError, ValueError, AttributeError, EOFError) as error:
            raise FileError(f"{self.data} is no file of arrays.", hint="Save one with numpy.savez.") from error
