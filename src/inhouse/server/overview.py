"""The overview: what runs, what waits, what ended, and how the workers are, for people to look at."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from inhouse.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from inhouse.server.dispatcher import Dispatcher
    from inhouse.server.fair_queue import FairQueue
    from inhouse.server.identity import Identity
    from inhouse.server.live_run import LiveRun
    from inhouse.server.services.routing import Route
    from inhouse.server.services.slots import Slot
    from inhouse.storage.ledger import Ledger
    from inhouse.storage.records import RunRecord
    from inhouse.workers.base import Worker
    from inhouse.workers.pool import Pool

_LISTED = 20
"""So many runs that wait, and so many that ended, are shown."""
_DEVICE = ("name", "type", "index", "vram_total", "vram_free", "torch_vram_total", "torch_vram_free")


class Overview:
    """Puts together what the gateway knows already; nobody is asked, and nothing is computed for it.

    Args:
        ledger: where ended runs are.
        queue: what waits.
        dispatcher: what runs.
        pool: the workers.
        stats: what each worker last said of itself, by name; see ``workers.answers``.
        routes: where calls of published services go, by name.

    """

    def __init__(
        self,
        ledger: Ledger,
        queue: FairQueue,
        dispatcher: Dispatcher,
        pool: Pool,
        stats: Mapping[str, Mapping[str, Any]],
        routes: Mapping[str, Route],
    ) -> None:
        self._ledger, self._queue, self._dispatcher = ledger, queue, dispatcher
        self._pool, self._stats, self._routes = pool, stats, routes

    async def of(self, caller: Identity) -> dict[str, Any]:
        """Return what somebody may see, JSON-ready: of runs their own, or everybody's for an admin.

        Times are seconds since the epoch, by this machine's clock, which ``time`` tells; sizes are bytes.
        """
        user = None if caller.admin else caller.user
        mine = list(self._dispatcher.live(user))
        ahead = [run.waiting for run in self._dispatcher.held() if not run.begun]
        places = [*enumerate(ahead, 1), *((len(ahead) + place, run) for place, run in self._queue.ahead(user, _LISTED))]
        waiting = [(place, run) for place, run in places if user in (None, run.user)]
        ahead_count = sum(user in (None, run.user) for run in ahead)
        return {
            "time": time.time(),
            "user": caller.user,
            "admin": caller.admin,
            "running": [_running(run) for run in mine],
            "waiting": [{"id": run.run_id, "user": run.user, "place": place} for place, run in waiting[:_LISTED]],
            "waiting_count": ahead_count + (len(self._queue) if user is None else self._queue.count(user)),
            "ended": await self._ended(user),
            "workers": [self._worker(worker, {run.id for run in mine}) for worker in self._pool.workers],
            "restarts": self._pool.restarts.total(),
            "services": [_service(self._routes[name]) for name in sorted(self._routes)],
        }

    async def _ended(self, user: str | None) -> list[dict[str, Any]]:
        try:
            records = await self._ledger.history(user, limit=_LISTED)
        except StorageError:  # the rest is worth seeing all the more
            return []
        return [_ended(record) for record in reversed(records)]

    def _worker(self, worker: Worker, visible: Collection[str]) -> dict[str, Any]:
        stats = self._stats.get(worker.name, {})
        description = self._pool.descriptions.get(worker.name)
        devices: Sequence[Mapping[str, Any]] = stats.get("devices") or (description.devices if description else ())
        problem = self._pool.problems.get(worker.name)
        busy = bool(worker.running)
        return {
            "name": worker.name,
            "state": ("running" if busy else "ready") if worker.ready else "failed" if problem else "starting",
            "problem": problem.message if problem is not None and not worker.ready else "",
            "restarts": self._pool.restarts[worker.name],
            "runs": [run_id for run_id in worker.running if run_id in visible],
            "devices": [{key: device[key] for key in _DEVICE if key in device} for device in devices],
            **{part: stats[part] for part in ("models", "cache", "loras", "counts") if part in stats},
        }


def _running(run: LiveRun) -> dict[str, Any]:
    narrator = run.narrator
    nodes = [
        {
            "id": node["node_id"],
            "type": run.node_type(node["display_node_id"] or node["node_id"]),
            "value": node["value"],
            "max": node["max"],
        }
        for node in narrator.progress
    ]
    return {
        "id": run.id,
        "user": run.waiting.user,
        "started": run.started,
        "cancelled": run.cancelled,
        "done": min(narrator.done, len(run.document)),
        "nodes": len(run.document),
        "at": nodes,
    }


def _service(route: Route) -> dict[str, Any]:
    shown = (slot for slot in route.slots.values() if slot.calls or slot.counts.calls or route.part_of(slot))
    return {
        "name": route.service.name,
        "share": route.share,
        "problem": next(iter(route.problems.values()), ""),
        "versions": [_version(route, slot) for slot in shown],
    }


def _version(route: Route, slot: Slot) -> dict[str, Any]:
    counts = slot.counts
    answered = counts.calls - counts.failed - counts.left - counts.shed - counts.expired
    return {
        "number": slot.version.number,
        "part": route.part_of(slot),
        "state": slot.target.state,
        "calls": counts.calls,
        "failed": counts.failed,
        "refused": counts.shed + counts.expired,
        "seconds": counts.seconds / answered if answered else 0.0,
    }


def _ended(record: RunRecord) -> dict[str, Any]:
    end, run = record.conclusion, record.submission
    return {
        "id": run.id,
        "user": run.user,
        "state": record.state.value,
        "created": run.created,
        "started": record.started,
        "finished": end.finished if end is not None else None,
        "files": len(end.artifacts) if end is not None else 0,
    }
