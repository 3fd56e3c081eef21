"""Memory: versions are loaded when they are needed, and within a budget of bytes."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from inhouse.errors import InhouseError, ModelTooLargeError, OverloadedError, ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from inhouse.server.services.slots import Slot

_LOG = logging.getLogger(__name__)
_MB = 1_000_000
_RETRY_SECONDS = 5.0


class Memory:
    """Loads and unloads versions. What nobody called for longest makes room; what has calls on their way never does.

    Args:
        budget: bytes that all versions together may take.
        slots: gives all versions that there are.

    """

    def __init__(self, budget: int, slots: Callable[[], Iterable[Slot]]) -> None:
        self.budget = budget
        self._slots = slots
        self._promised: dict[Slot, int] = {}
        self._loading: dict[Slot, asyncio.Task[InhouseError | None]] = {}

    @property
    def taken(self) -> int:
        """Bytes that are taken now, or promised to what is being loaded."""
        return sum(max(slot.target.nbytes, self._promised.get(slot, 0)) for slot in {*self._slots(), *self._promised})

    async def load(self, slot: Slot, *, evict: bool = True) -> None:
        """Load a version, unless it is there; whoever asks while it is being loaded waits for the same.

        Args:
            slot: the version.
            evict: others may make room.

        Raises:
            OverloadedError: there is no room, and what takes it has calls on their way (or ``evict`` is False).
            ModelTooLargeError: it would not fit if it were alone.
            InhouseError: it cannot be loaded; why is said.

        """
        async with slot.changing:
            if slot.ready:
                return
            try:
                await self._make_room(slot, evict=evict)
                await slot.target.load()
            except OverloadedError:
                raise
            except InhouseError as error:
                self._failed(slot, error)
                raise
            finally:
                self._promised.pop(slot, None)
            slot.ready, slot.problem, slot.used = True, "", asyncio.get_running_loop().time()
            slot.retry = 0.0

    async def ensure(self, slot: Slot) -> None:
        """Load a version for a call. One that could not be loaded is not tried again at once.

        Raises:
            OverloadedError: there is no room.
            ServiceError: it cannot be loaded; the log says why, for the reason may name folders.

        """
        if slot.retry > asyncio.get_running_loop().time():
            raise _unloadable(slot)
        task = self._loading.get(slot)
        if task is None:
            task = self._loading[slot] = asyncio.create_task(self._load(slot))
        # Whoever hangs up leaves it to the others.
        if (error := await asyncio.shield(task)) is not None:
            raise error if isinstance(error, OverloadedError) else _unloadable(slot) from error

    async def _load(self, slot: Slot) -> InhouseError | None:
        try:
            await self.load(slot)
        except InhouseError as error:
            return error
        finally:
            self._loading.pop(slot, None)
        return None

    async def unload(self, slot: Slot) -> None:
        """Unload a version; calls that are on their way to it end before."""
        async with slot.changing:
            slot.ready = False
            await slot.target.unload()

    async def _make_room(self, slot: Slot, *, evict: bool) -> None:
        """Have room for a version, and promise it to it."""
        wanted = slot.target.wanted
        if wanted > self.budget:
            raise ModelTooLargeError(
                f"{slot.title} needs {wanted // _MB} MB, and services.models_mb is {self.budget // _MB}.",
                hint="Give it fewer replicas, or raise the setting.",
            )
        while self.taken + wanted > self.budget:
            idle = [
                other
                for other in self._slots()
                if other.ready and not other.calls and not other.changing.locked() and other.target.nbytes
            ]
            if not idle or not evict:
                raise OverloadedError(
                    f"{slot.title} needs {wanted // _MB} MB: {self.taken // _MB} of {self.budget // _MB} MB are in use"
                    " by what has calls on their way.",
                    seconds=_RETRY_SECONDS,
                )
            oldest = min(idle, key=lambda other: other.used)
            _LOG.info("%s is unloaded: it makes room. %s is loaded.", oldest.title, slot.title)
            await self.unload(oldest)
        self._promised[slot] = wanted

    @staticmethod
    def _failed(slot: Slot, error: InhouseError) -> None:
        slot.problem = str(error)
        slot.retry = asyncio.get_running_loop().time() + slot.backoff.after(0.0)
        _LOG.error("%s cannot be loaded: %s", slot.title, error)


def _unloadable(slot: Slot) -> ServiceError:
    return ServiceError(f"{slot.title} cannot be loaded; the server's log says why.", hint="Ask whoever published it.")
