"""A runtime without a model: a function answers. For whoever tests what is built on sessions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from inhouse.backends.sessions.base import Runtime, Session, SessionOptions
from inhouse.backends.sessions.feeds import fitting
from inhouse.errors import ModelNotFoundError, UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from inhouse.backends.sessions.base import Feeds


class FakeRuntime(Runtime):
    """Loads any file that is there.

    Args:
        answer: from tensors by name to tensors by name.
        inputs: as `Session.inputs`.
        outputs: their names.
        missing: what it says that this machine lacks.

    """

    name: ClassVar[str] = "fake"
    suffixes: ClassVar[tuple[str, ...]] = (".fake",)

    def __init__(
        self,
        answer: Callable[[Feeds], Mapping[str, NDArray[Any]]],
        inputs: Mapping[str, tuple[np.dtype[Any], tuple[int | str, ...]]],
        outputs: tuple[str, ...],
        missing: str = "",
    ) -> None:
        self.answer, self.inputs, self.outputs, self.missing = answer, inputs, outputs, missing
        self.opened: list[tuple[Path, SessionOptions]] = []

    def lacking(self, device: str = "cpu") -> str:
        """See `Runtime.lacking`."""
        del device
        return self.missing

    def open(self, model: Path, options: SessionOptions) -> Session:
        """See `Runtime.open`."""
        if self.missing:
            raise UsageError(f"{model.name} cannot be run: {self.missing}.")
        if not model.exists():
            raise ModelNotFoundError(f"{model.name} is not there.")
        self.opened.append((model, options))
        return FakeSession(self.answer, self.inputs, self.outputs)


class FakeSession(Session):
    """Answers by a function; ``calls`` counts how often, ``closed`` says whether it was given back."""

    def __init__(
        self,
        answer: Callable[[Feeds], Mapping[str, NDArray[Any]]],
        inputs: Mapping[str, tuple[np.dtype[Any], tuple[int | str, ...]]],
        outputs: tuple[str, ...],
    ) -> None:
        self._answer, self.inputs, self.outputs = answer, inputs, outputs
        self.calls = 0
        self.closed = False

    def run(self, feeds: Feeds) -> dict[str, NDArray[Any]]:
        """See `Session.run`."""
        given = dict(zip(self.inputs, fitting(self.inputs, feeds), strict=True))
        self.calls += 1
        found = self._answer(given)
        return {name: found[name].copy() for name in self.outputs}

    def close(self) -> None:
        """See `Session.close`."""
        self.closed = True
