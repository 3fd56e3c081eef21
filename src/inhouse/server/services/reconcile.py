"""Reconciling: what is published on the disk takes effect, also what other processes publish."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Mapping, MutableMapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from inhouse.errors import InhouseError, OverloadedError, ServiceNotFoundError
from inhouse.server.services.routing import Route
from inhouse.server.services.slots import Slot
from inhouse.server.tasks import Tasks

if TYPE_CHECKING:
    from inhouse.server.services.base import Target
    from inhouse.server.services.memory import Memory
    from inhouse.storage.service_store import ServiceStore, Stamp
    from inhouse.storage.services import Service, Version

_LOG = logging.getLogger(__name__)
_LOOK_SECONDS = 1.0


class Reconciler:
    """Keeps routes as the store has them.

    A version that becomes live is loaded before it gets calls; if it cannot be, the one before it stays.

    Args:
        store: what is published.
        make_target: makes what answers a version's calls.
        memory: loads versions and unloads them.
        routes: where calls go, by service; written here and nowhere else.
        retire: lets a version end its last calls and unloads it for good.

    """

    def __init__(
        self,
        store: ServiceStore,
        make_target: Callable[[str, Version, Path], Target],
        memory: Memory,
        routes: MutableMapping[str, Route],
        retire: Callable[[Slot], None],
    ) -> None:
        self._store = store
        self._make_target = make_target
        self._memory = memory
        self._routes = routes
        self._retire = retire
        self._seen: Mapping[str, Stamp] = {}
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._work: dict[str, asyncio.Task[None]] = {}
        self._tasks = Tasks()
        self._watching: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Take up what is published, and look for changes once a second from then on."""
        await self.look()
        self._watching = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        """Look no more; what is being loaded is loaded before."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        await self._tasks.settle()

    async def look(self, name: str = "") -> None:
        """Look for changes, and return when those of a service, or of all where none is named, have taken effect."""
        self._notice(await asyncio.to_thread(self._store.stamps))
        wanted = [self._work[name]] if name in self._work else [] if name else list(self._work.values())
        if wanted:
            await asyncio.wait(wanted)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            self._notice(await asyncio.to_thread(self._store.stamps))

    def _notice(self, found: Mapping[str, Stamp]) -> None:
        """Have every service taken up whose description is another one than before."""
        changed = {name for name in {*found, *self._seen} if found.get(name) != self._seen.get(name)}
        self._seen = found
        for name in changed:
            task = self._work[name] = self._tasks.start(self._settle(name))
            task.add_done_callback(partial(self._done, name))

    def _done(self, name: str, task: asyncio.Task[None]) -> None:
        if self._work.get(name) is task:
            del self._work[name]

    async def _settle(self, name: str) -> None:
        async with self._locks[name]:
            try:
                service = await asyncio.to_thread(self._store.read, name)
            except ServiceNotFoundError:
                self._remove(name)
                return
            await self._apply(service)

    def _remove(self, name: str) -> None:
        route = self._routes.pop(name, None)
        for slot in route.slots.values() if route is not None else ():
            self._retire(slot)

    async def _apply(self, service: Service) -> None:
        old = self._routes.get(service.name)
        slots, problems = await self._slots(service, old)
        live = slots.get(service.live or 0)
        canary, shadow = slots.get(service.canary or 0), slots.get(service.shadow or 0)
        if old is not None and old.live is not None and old.live in slots.values():
            live = await self._loaded(live, problems) or old.live
            canary, shadow = await self._loaded(canary, problems), await self._loaded(shadow, problems)
        route = Route(service, slots, live, canary, service.share, shadow, problems)
        self._routes[service.name] = route
        if old is not None:
            self._let_go(old, route)
        for slot in {live, canary, shadow} - {None}:
            if slot is not None and not slot.ready:
                self._tasks.start(self._warm(slot))

    async def _slots(self, service: Service, old: Route | None) -> tuple[dict[int, Slot], dict[int, str]]:
        """Return all versions, those that are there already as they are, and why some cannot be had."""
        slots: dict[int, Slot] = {}
        problems: dict[int, str] = {}
        for version in service.versions:
            known = old.slots.get(version.number) if old is not None else None
            if known is not None and known.version == version:
                slots[version.number] = known
                continue
            folder = self._store.folder(service.name, version.number)
            try:
                slots[version.number] = Slot(service.name, version, self._make_target(service.name, version, folder))
            except InhouseError as error:
                problems[version.number] = str(error)
                _LOG.error("Version %d of %r cannot be served: %s", version.number, service.name, error)
        return slots, problems

    async def _loaded(self, slot: Slot | None, problems: dict[int, str]) -> Slot | None:
        """Return a version after it was loaded; None if it cannot be."""
        if slot is None:
            return None
        try:
            await self._memory.load(slot)
        except InhouseError as error:
            problems[slot.version.number] = str(error)
            _LOG.error("%s gets no calls, as it cannot be loaded: %s", slot.title, error)
            return None
        return slot

    def _let_go(self, old: Route, new: Route) -> None:
        """Unload what nobody is going to ask for; what is gone from the store leaves for good."""
        kept = set(new.slots.values())
        roles = {*new.service.roles, *(slot.version.number for slot in (new.live,) if slot is not None)}
        for slot in old.slots.values():
            if slot not in kept:
                self._retire(slot)
            elif slot.ready and slot.version.number in old.service.roles and slot.version.number not in roles:
                self._tasks.start(self._memory.unload(slot))

    async def _warm(self, slot: Slot) -> None:
        """Load a version before the first call, if there is room."""
        try:
            await self._memory.load(slot, evict=False)
        except OverloadedError as error:
            _LOG.info("%s is loaded when it is called: %s", slot.title, error)
        except InhouseError:  # the log has it; whoever calls is told
            return
