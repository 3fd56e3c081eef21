"""Copies: a shadow version answers the same calls, and the caller notices nothing of it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from inhouse.errors import InhouseError, InternalError
from inhouse.server.services.observing import Reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from inhouse.server.services.base import Call
    from inhouse.server.services.memory import Memory
    from inhouse.server.services.routing import Part, Route
    from inhouse.server.services.slots import Slot
    from inhouse.server.tasks import Tasks

_MOST = 64
"""Copies on their way to one version; of further calls none is made, so that a slow shadow takes no memory."""
_SECONDS = 30.0


class Copies:
    """Sends copies of calls to versions whose answers are only compared.

    Besides a service's shadow that is, as long as a rule decides on a canary, the live version for the canary's calls.

    Args:
        memory: loads versions.
        tasks: what is done on the side.
        compared: is told of both answers.

    """

    def __init__(self, memory: Memory, tasks: Tasks, compared: Callable[[Call, Reply, Reply], None]) -> None:
        self._memory = memory
        self._tasks = tasks
        self._compared = compared
        self._open: dict[Slot, int] = {}

    def begin(self, call: Call, route: Route, slot: Slot, part: Part) -> asyncio.Future[Reply] | None:
        """Send a copy of a call on its way if somebody gets one; return where the answer to compare is to be set.

        It is cancelled if the caller hangs up.
        """
        if part == "pinned":
            return None
        other: Slot | None = route.shadow
        other_part: Part = "shadow"
        if part == "canary" and route.service.rule is not None:
            other, other_part = route.live, "live"
        if other is None or other is slot:
            return None
        if self._open.get(other, 0) >= _MOST:
            other.counts.dropped += 1
            return None
        reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._open[other] = self._open.get(other, 0) + 1
        other.counts.copies += 1
        other.calls += 1
        self._tasks.start(self._compare(call, other, other_part, reply))
        return reply

    async def _compare(self, call: Call, slot: Slot, part: Part, theirs: asyncio.Future[Reply]) -> None:
        now = asyncio.get_running_loop().time
        begun = now()
        copy = replace(call, deadline=begun + _SECONDS, version=slot.version.number)
        try:
            if not slot.ready:
                await self._memory.ensure(slot)
            ours = Reply(slot.version.number, part, 0.0, answer=await slot.target.call(copy))
        except InhouseError as error:
            ours = Reply(slot.version.number, part, 0.0, error=error)
        except Exception as error:  # noqa: BLE001 - whatever a shadow does is its own affair
            ours = Reply(slot.version.number, part, 0.0, error=InternalError(f"{slot.title} failed: {error}."))
        finally:
            slot.release(now())
            self._open[slot] -= 1
            if not self._open[slot]:
                del self._open[slot]
        seconds = now() - begun
        await asyncio.wait([theirs])
        if not theirs.cancelled():
            self._compared(call, theirs.result(), replace(ours, seconds=seconds))
