"""Subjects: whatever can be measured, behind one small port."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from inhouse.packs.benchmark.model import Load, Slice, Variant


class Subject(ABC):
    """One way to run one target.

    Attributes:
        variant: what is known of it; filled in as it is measured.
        shortest: seconds that a round is to last at least, so that beginning and ending it do not matter.

    """

    variant: Variant
    shortest: float = 0.05

    @abstractmethod
    def open(self) -> None:
        """Become ready, and note how long that took.

        Raises:
            InhouseError: it cannot.

        """

    @abstractmethod
    def measure(self, load: Load, seconds: float, most: int) -> Slice:
        """Call it for so long, at least once and at most so often; a call that fails is counted, not raised.

        Raises:
            InhouseError: it is gone; nothing more will come of it.

        """

    def answers(self) -> Mapping[str, NDArray[Any]]:
        """Return what it answers to the same questions as every other; empty where that cannot be compared."""
        return {}

    def observe(self) -> None:  # noqa: B027 - most have nothing to note
        """Note what it takes now: memory, for instance."""

    def close(self) -> None:  # noqa: B027 - as above
        """End it."""
