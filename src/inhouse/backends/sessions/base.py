"""The port: what every runtime offers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Feeds: TypeAlias = Mapping[str, NDArray[Any]]
    """Tensors by name."""
else:
    Feeds = Mapping


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """How a model file is to be run; see `inhouse.models.artifact.Serving`, which says the same of an artifact."""

    device: str = "cpu"
    precision: str = "fp32"
    threads: int = 0
    cache: Path | None = None
    """A folder in which the runtime may keep what it compiles."""
    options: Mapping[str, Any] = field(default_factory=dict)


class Session(ABC):
    """A loaded model. Not for several threads at once."""

    inputs: Mapping[str, tuple[np.dtype[Any], tuple[int | str, ...]]]
    """Type and axes by name, as the model file declares them; an axis of any length has a name."""
    outputs: tuple[str, ...]
    """Names, in order."""

    @abstractmethod
    def run(self, feeds: Feeds) -> dict[str, NDArray[Any]]:
        """Compute the outputs, by name; the arrays are the caller's own.

        Raises:
            NodeInputError: a tensor is missing, or of a type or shape that the model does not take.
            OutOfMemoryError: the device has too little memory.

        """

    def close(self) -> None:  # noqa: B027 - most have nothing to do
        """Give the memory back."""


class Runtime(ABC):
    """Loads model files of some formats."""

    name: ClassVar[str]
    suffixes: ClassVar[tuple[str, ...]]
    """Of the files that it loads."""

    @abstractmethod
    def lacking(self, device: str = "cpu") -> str:
        """Return why it cannot be used on this machine, with what to do; empty where it can."""

    @abstractmethod
    def open(self, model: Path, options: SessionOptions) -> Session:
        """Load a model.

        Raises:
            ModelFormatError: the file is corrupt or not of this runtime.
            ModelUnsupportedError: it holds what this runtime cannot run; operations are named.
            OutOfMemoryError: the device has too little memory.
            UsageError: this machine lacks the runtime or the device.

        """
