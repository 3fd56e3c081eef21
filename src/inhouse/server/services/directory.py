"""The directory: all published services, who answers their calls, and what becomes of the calls."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from inhouse.errors import DeadlineError, InhouseError, InternalError, OverloadedError, ServiceNotFoundError
from inhouse.server.services.copies import Copies
from inhouse.server.services.memory import Memory
from inhouse.server.services.observing import Observer, Reply
from inhouse.server.services.reconcile import Reconciler
from inhouse.server.services.routing import Part, Route
from inhouse.server.tasks import Tasks

if TYPE_CHECKING:
    from inhouse.server.services.base import Answer, Call, Card, Target
    from inhouse.server.services.slots import Counts, Slot
    from inhouse.storage.service_store import ServiceStore
    from inhouse.storage.services import Service, Version

TargetMaker: TypeAlias = "Callable[[str, Version, Path], Target]"
"""From a service's name, a version and the folder of its files to what answers its calls; raises `InhouseError`."""


@dataclass(slots=True)
class _Outcome:
    answer: Answer | None = None
    error: InhouseError | None = None
    left: bool = False


class Services:
    """Answers the calls of all services; it is started and stopped on the event loop.

    Args:
        store: what was published.
        make_target: makes what answers a version's calls.
        budget: bytes of memory that all of them together may take.
        chance: gives numbers from 0 to below 1, by which a canary gets its share.

    Attributes:
        store: what was published.
        memory: loads versions and unloads them.
        routes: where calls go, by service.
        observers: who hears of every call.

    """

    def __init__(
        self,
        store: ServiceStore,
        make_target: TargetMaker,
        *,
        budget: int,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.store = store
        self.routes: dict[str, Route] = {}
        self.observers: list[Observer] = []
        self._tasks = Tasks()
        self._leaving: set[Slot] = set()
        self.memory = Memory(budget, self.slots)
        self._reconciler = Reconciler(store, make_target, self.memory, self.routes, self._retire)
        self._copies = Copies(self.memory, self._tasks, self._observe_copy)
        self._chance = chance

    async def start(self) -> None:
        """Take up what is published, and look for changes from then on."""
        await self._reconciler.start()

    async def stop(self) -> None:
        """Unload everything; calls that are on their way end before."""
        await self._reconciler.stop()
        slots = list(self.slots())
        await asyncio.gather(*(self.memory.unload(slot) for slot in slots))
        await self._tasks.settle()

    async def refresh(self, name: str = "") -> None:
        """Look for changes now, and return when those of a service (or of all) have taken effect."""
        await self._reconciler.look(name)

    async def call(self, call: Call) -> Answer:
        """Answer a call.

        Raises:
            ServiceNotFoundError: there is no such service or version.
            OverloadedError, DeadlineError: it could not be begun in time.
            InhouseError: it failed.

        """
        route, slot, part = self._pick(call)
        with self._counted(call, route, slot, part) as outcome:
            if not slot.ready:
                await self.memory.ensure(slot)
            outcome.answer = answer = await slot.target.call(call)
        return answer

    async def stream(self, call: Call) -> AsyncGenerator[Mapping[str, Any], None]:
        """Answer a call piece by piece; closing the iterator stops the work.

        Raises:
            ServiceNotFoundError: there is no such service or version.
            ServiceConflictError: it does not stream.
            InhouseError: it failed.

        """
        _, slot, part = self._pick(call)
        with self._counted(call, None, slot, part):
            if not slot.ready:
                await self.memory.ensure(slot)
            pieces = slot.target.stream(call)
            try:
                async for piece in pieces:
                    yield piece
            finally:
                close = getattr(pieces, "aclose", None)
                if close is not None:
                    await close()

    def card(self, name: str, version: int | None = None) -> Card:
        """Return what a service's live version, or another one, says of itself.

        Raises:
            ServiceNotFoundError: there is no such service or version.

        """
        return self.slot(name, version).target.card

    def list(self) -> Sequence[Service]:
        """Return all services as they are stored, by name."""
        return [self.routes[name].service for name in sorted(self.routes)]

    def route(self, name: str) -> Route:
        """Return where a service's calls go.

        Raises:
            ServiceNotFoundError: there is no such service.

        """
        route = self.routes.get(name)
        if route is None:
            raise ServiceNotFoundError(f"There is no service {name[:100]!r}.", hint="GET /services lists them.")
        return route

    def slot(self, name: str, version: int | None = None) -> Slot:
        """Return a service's live version, or another one.

        Raises:
            ServiceNotFoundError: there is no such service or version.

        """
        route = self.route(name)
        slot = route.live if version is None else route.slots.get(version)
        if slot is None:
            raise _no_version(route, version)
        return slot

    def slots(self) -> Iterator[Slot]:
        """Give all versions, those that end their last calls too."""
        for route in self.routes.values():
            yield from route.slots.values()
        yield from self._leaving

    def _pick(self, call: Call) -> tuple[Route, Slot, Part]:
        route = self.routes.get(call.service) or self.route(call.service)
        slot, part = route.pick(call, self._chance)
        if slot is None:
            raise _no_version(route, call.version)
        return route, slot, part

    @contextmanager
    def _counted(self, call: Call, route: Route | None, slot: Slot, part: Part) -> Iterator[_Outcome]:
        """Keep a version from leaving while it has a call, and note what becomes of that."""
        now = asyncio.get_running_loop().time
        begun, outcome = now(), _Outcome()
        if call.deadline == float("inf") and slot.version.deadline_ms:
            call.deadline = begun + slot.version.deadline_ms / 1000
        slot.calls += 1
        copy = self._copies.begin(call, route, slot, part) if route is not None else None
        try:
            yield outcome
        except InhouseError as error:
            outcome.error = error
            raise
        except Exception as error:
            outcome.error = InternalError(f"{slot.title} failed; the server's log says why.")
            raise outcome.error from error
        except BaseException:
            outcome.left = True
            raise
        finally:
            seconds = now() - begun
            _count(slot.counts, call, outcome, seconds)
            self._tell(call, outcome, Reply(slot.version.number, part, seconds, outcome.answer, outcome.error), copy)
            slot.release(begun + seconds)

    def _tell(self, call: Call, outcome: _Outcome, reply: Reply, copy: asyncio.Future[Reply] | None) -> None:
        if outcome.left:
            if copy is not None:
                copy.cancel()
            return
        if copy is not None and not copy.done():
            copy.set_result(reply)
        for observer in self.observers:
            observer.replied(call, reply)

    def _observe_copy(self, call: Call, reply: Reply, copy: Reply) -> None:
        for observer in self.observers:
            observer.compared(call, reply, copy)

    def _retire(self, slot: Slot) -> None:
        """Let a version end its last calls, and unload it for good."""
        slot.on_idle = self._drop
        self._leaving.add(slot)
        if not slot.calls:
            self._drop(slot)

    def _drop(self, slot: Slot) -> None:
        async def drop() -> None:
            try:
                await self.memory.unload(slot)
            finally:
                self._leaving.discard(slot)

        self._tasks.start(drop())


def _count(counts: Counts, call: Call, outcome: _Outcome, seconds: float) -> None:
    counts.calls += 1
    if outcome.left:
        counts.left += 1
    elif outcome.error is None:
        counts.rows += call.rows
        counts.seconds += seconds
    elif isinstance(outcome.error, OverloadedError):
        counts.shed += 1
    elif isinstance(outcome.error, DeadlineError):
        counts.expired += 1
    else:
        counts.failed += 1


def _no_version(route: Route, number: int | None) -> ServiceNotFoundError:
    name = route.service.name
    if number is not None:
        return ServiceNotFoundError(f"Service {name!r} has no version {number}.")
    return ServiceNotFoundError(
        f"Service {name!r} has no version that answers.", hint="An admin makes one live: inhouse services switch."
    )
