"""``/history``: what became of my runs, as ComfyUI's clients read it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from inhouse.compat.history import history, history_entry, queue_item
from inhouse.server.identity import Caller
from inhouse.server.json_body import JsonResponse, read_object
from inhouse.server.responses import documented
from inhouse.server.routes.queue import body_of, ids, ids_schema
from inhouse.storage.records import Conclusion, RunState

if TYPE_CHECKING:
    from inhouse.server.runs import Runs
    from inhouse.storage.records import RunRecord

_LIMIT = Query(description="At most so many; without `offset` the newest.")
_OFFSET = Query(description="Leave out so many of the oldest.")
_MOST = 2**31
"""More runs than anybody keeps; databases count no further than their integers do."""


def routes(runs: Runs) -> APIRouter:
    """Return the routes."""
    router = APIRouter(tags=["results"])

    @router.get("/history", summary="My runs that are over, by id, the oldest first", response_model=dict[str, Any])
    async def listing(
        caller: Caller,
        max_items: Annotated[int | None, _LIMIT] = None,
        offset: Annotated[int | None, _OFFSET] = None,
    ) -> Response:
        if max_items is not None and max_items <= 0:
            return JsonResponse("{}")
        limit = None if max_items is None else min(max_items, _MOST)
        start = None if offset is None or offset < 0 else min(offset, _MOST)
        records = await runs.history(caller, limit, start)
        return JsonResponse(history((record.submission.id, _entry(record)) for record in records))

    @router.get("/history/{run_id}", summary="One run by id; an empty object if it is not over")
    async def one(run_id: str, caller: Caller) -> Response:
        record = await runs.find(caller, run_id)
        entries = [] if record is None or not _is_told(record) else [(record.submission.id, _entry(record))]
        return JsonResponse(history(entries))

    @router.post(
        "/history",
        summary="Take runs out of my history",
        openapi_extra=body_of({"clear": {"type": "boolean"}, "delete": ids_schema()}),
        responses=documented(told={400: "The request is malformed."}),
    )
    async def change(request: Request, caller: Caller) -> Response:
        body = await read_object(request)
        if body.get("clear"):
            await runs.forget(caller, None)
        if body.get("delete"):
            await runs.forget(caller, ids(body["delete"]))
        return Response()

    return router


def _is_told(record: RunRecord) -> bool:
    """Whether history tells of it: it is over, and was not cancelled before it began."""
    return record.state.is_final and not (record.state is RunState.CANCELLED and record.started is None)


def _entry(record: RunRecord) -> str:
    run, end = record.submission, record.conclusion or Conclusion(record.submission.id, record.state, 0)
    item = queue_item(run.number, run.id, run.workflow, run.extra, run.targets)
    return history_entry(item, end.outputs, end.status, end.meta)
