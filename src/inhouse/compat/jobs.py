"""Jobs: runs as the canvas lists them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

STATUSES = {
    "queued": "pending",
    "running": "in_progress",
    "success": "completed",
    "error": "failed",
    "cancelled": "cancelled",
}
"""From the state of a run to what the canvas calls it."""
_KINDS = ("input", "output", "temp")
_MEDIA = ("images", "gifs", "video", "videos", "audio", "3d")
_CANVAS_ID = re.compile(r'"workflow"\s*:\s*\{\s*"id"\s*:\s*"([^"\\\\]+)"')
"""Canvases write their id first."""
_ERROR_FIELDS = ("node_id", "node_type", "exception_message", "exception_type")


@dataclass(frozen=True, slots=True)
class Job:
    """A run as it is stored.

    Attributes:
        id: its id.
        state: ``queued``, ``running``, ``success``, ``error`` or ``cancelled``.
        created: seconds since the epoch, as the other times.
        extra: JSON of what came with it.
        started: when a worker got it; None if none did.
        finished: when it was over; None if it is not.
        outputs: JSON of what its nodes show.
        status: JSON of how it ended.
        priority: its place in the list; None leaves that to the canvas.

    """

    id: str
    state: str
    created: float
    extra: str = "{}"
    started: float | None = None
    finished: float | None = None
    outputs: str = "{}"
    status: str = "{}"
    priority: float | None = None


def job(run: Job) -> dict[str, Any]:
    """Return a run as an entry of the canvas' list; one that the canvas cannot read would cost it the whole list."""
    outputs = _loaded(run.outputs)
    shown = list(_shown(outputs))
    entry: dict[str, Any] = {
        "id": run.id,
        "status": STATUSES[run.state],
        "create_time": _milliseconds(run.created),
        "execution_start_time": _milliseconds(run.started),
        "execution_end_time": _milliseconds(run.finished),
        "workflow_id": _workflow_id(run.extra),
        "outputs_count": sum(len(items) for ui in outputs.values() for items in _lists(ui)),
        "previewable_outputs_count": len(shown),
        "preview_output": _best(shown),
    }
    error = _error(_loaded(run.status)) if run.state == "error" else None
    if error is not None:
        entry["execution_error"] = error
    if run.priority is not None:
        entry["priority"] = run.priority
    return entry


def job_details(run: Job, workflow: str, meta: str = "{}") -> dict[str, Any]:
    """Return all that the canvas wants to know of a run.

    Args:
        run: the run.
        workflow: JSON of its workflow in the API format.
        meta: JSON of which node each output belongs to.

    """
    extra = _loaded(run.extra)
    details = job(run)
    details.update(
        outputs=_loaded(run.outputs),
        workflow={"prompt": _loaded(workflow), "extra_data": extra},
        update_time=_milliseconds(run.finished or run.started or run.created),
    )
    status, told = _loaded(run.status), _loaded(meta)
    if status:
        details["execution_status"] = status
    if told:
        details["execution_meta"] = told
    return details


def jobs_page(jobs: Sequence[Mapping[str, Any]], *, offset: int, limit: int, total: int) -> dict[str, Any]:
    """Return entries as a page of the canvas' list.

    Args:
        jobs: the entries of this page.
        offset: how many come before.
        limit: how many a page has at most.
        total: how many there are.

    """
    more = offset + len(jobs) < total
    return {"jobs": list(jobs), "pagination": {"offset": offset, "limit": limit, "total": total, "has_more": more}}


def _loaded(text: str) -> dict[str, Any]:
    value = json.loads(text)
    return value if isinstance(value, dict) else {}


def _milliseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)


def _workflow_id(extra: str) -> str | None:
    """Return the id of the canvas that came with a run; of hundreds of runs, megabytes need not be read for it."""
    found = _CANVAS_ID.search(extra)
    return found[1] if found is not None else None


def _lists(ui: Any) -> Iterator[list[Any]]:
    """Yield what a node shows, list by list; ``animated`` only says something of another list."""
    for name, items in ui.items() if isinstance(ui, dict) else ():
        if name != "animated" and isinstance(items, list):
            yield items


def _shown(outputs: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the files that a canvas can show, as it wants to hear of them."""
    for node_id, ui in outputs.items():
        for media in _MEDIA:
            items = ui.get(media) if isinstance(ui, dict) else None
            for item in items if isinstance(items, list) else ():
                if isinstance(item, dict) and isinstance(item.get("filename"), str) and item.get("type") in _KINDS:
                    yield {
                        "filename": item["filename"],
                        "subfolder": str(item.get("subfolder") or ""),
                        "type": item["type"],
                        "nodeId": str(node_id),
                        "mediaType": media,
                    }


def _best(shown: Iterable[dict[str, Any]]) -> dict[str, Any] | None:
    """Return what stands for the run in a list: the last thing it saved, else the last it showed."""
    ranked = [(item["type"] == "output", place, item) for place, item in enumerate(shown)]
    return max(ranked, key=lambda entry: entry[:2])[2] if ranked else None


def _error(status: Mapping[str, Any]) -> dict[str, Any] | None:
    for message in reversed(status.get("messages") or ()):
        if isinstance(message, list) and len(message) == 2 and message[0] == "execution_error":
            told = message[1]
            return {
                **told,
                **{name: str(told.get(name, "")) for name in _ERROR_FIELDS},
                "traceback": [str(line) for line in told.get("traceback") or ()],
            }
    return None
