"""``/jobs``: my runs as the canvas lists them, in every state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from inhouse.compat.jobs import STATUSES, Job, job, job_details, jobs_page
from inhouse.errors import RequestError
from inhouse.server.identity import Caller
from inhouse.server.json_body import JsonResponse, read_object
from inhouse.server.responses import documented
from inhouse.server.routes.queue import body_of, ids, ids_schema
from inhouse.storage.records import RunState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inhouse.server.runs import Runs
    from inhouse.storage.records import RunRecord

_BY_STATUS = {status: RunState(state) for state, status in STATUSES.items()}
_NONE = documented(told={404: "There is no such run of mine."})


def routes(runs: Runs) -> APIRouter:
    """Return the routes."""
    router = APIRouter(tags=["results"])

    @router.get(
        "/jobs",
        summary="My runs, the newest first",
        response_model=dict[str, Any],
        responses=documented(told={400: "There is no such status."}),
    )
    async def listing(
        caller: Caller,
        status: Annotated[str, Query(description=f"Any of {', '.join(_BY_STATUS)}, divided by commas.")] = "",
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        offset: Annotated[int, Query(ge=0, le=2**31)] = 0,
    ) -> Response:
        records, total = await runs.page(caller, _states(status), limit, offset)
        return JsonResponse(
            jobs_page([job(_plain(record)) for record in records], offset=offset, limit=limit, total=total)
        )

    @router.get("/jobs/{run_id}", summary="All about one run", response_model=dict[str, Any], responses=_NONE)
    async def one(run_id: str, caller: Caller) -> Response:
        record = await runs.record(caller, run_id)
        meta = record.conclusion.meta if record.conclusion is not None else "{}"
        return JsonResponse(job_details(_plain(record), record.submission.workflow, meta))

    @router.get(
        "/jobs/{run_id}/assets", summary="The files that a run made", response_model=dict[str, Any], responses=_NONE
    )
    async def assets(run_id: str, caller: Caller) -> Response:
        record = await runs.record(caller, run_id)
        made = record.conclusion.artifacts if record.conclusion is not None else ()
        listed = [
            {
                "id": f"{run_id}:{place}",
                "name": file.filename,
                "subfolder": file.subfolder,
                "type": file.kind,
                "node_id": file.node_id,
                "size": file.bytes,
            }
            for place, file in enumerate(made)
        ]
        return JsonResponse({"job_id": run_id, "assets": listed})

    _cancelling(router, runs)
    return router


def _cancelling(router: APIRouter, runs: Runs) -> None:
    @router.post("/jobs/{run_id}/cancel", summary="Cancel a run", response_model=dict[str, Any], responses=_NONE)
    async def cancel(run_id: str, caller: Caller) -> Response:
        await runs.record(caller, run_id)
        return JsonResponse({"cancelled": await runs.cancel(caller, [run_id])})

    @router.post(
        "/jobs/cancel",
        summary="Cancel runs",
        response_model=dict[str, Any],
        openapi_extra=body_of({"job_ids": ids_schema()}),
        responses=documented(told={400: "The request is malformed."}),
    )
    async def cancel_all(request: Request, caller: Caller) -> Response:
        body = await read_object(request)
        return JsonResponse({"cancelled": await runs.cancel(caller, ids(body.get("job_ids")))})


def _states(status: str) -> Sequence[RunState]:
    names = [name for name in status.split(",") if name]
    unknown = [name for name in names if name not in _BY_STATUS]
    if unknown:
        raise RequestError(f"There is no status {unknown[0]!r}.", hint=f"There are: {', '.join(_BY_STATUS)}.")
    return [_BY_STATUS[name] for name in names]


def _plain(record: RunRecord) -> Job:
    run, end = record.submission, record.conclusion
    return Job(
        id=run.id,
        state=record.state,
        created=run.created,
        extra=run.extra,
        started=record.started,
        finished=end.finished if end is not None else None,
        outputs=end.outputs if end is not None else "{}",
        status=end.status if end is not None else "{}",
    )
