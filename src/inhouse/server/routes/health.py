"""Whether the gateway is up, whether it can work, and what it did: for whoever watches over it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated

from fastapi import APIRouter, Header, Response
from fastapi.responses import JSONResponse

from inhouse.errors import ForbiddenError, InhouseError
from inhouse.server.identity import Caller
from inhouse.server.metrics import Metrics

Check = Callable[[], Awaitable[str]]
"""Returns why something cannot work, in words that strangers may read; empty if it can."""

logger = logging.getLogger(__name__)


def routes(metrics: Metrics, checks: Mapping[str, Check], *, seconds: float = 2.0) -> APIRouter:
    """Return the routes. ``checks`` has what must work, by name; what takes longer than ``seconds`` does not."""
    router = APIRouter(tags=["health"])

    @router.get("/healthz", summary="Whether the process is up")
    async def healthz() -> dict[str, str]:
        await asyncio.sleep(0)  # it is the event loop that has to be alive, not a thread
        return {"status": "ok"}

    @router.get(
        "/readyz", summary="Whether runs are accepted and executed", responses={503: {"description": "Why not"}}
    )
    async def readyz() -> JSONResponse:
        reasons = await asyncio.gather(*(_reason(name, check, seconds) for name, check in checks.items()))
        failing = {name: reason for name, reason in zip(checks, reasons, strict=True) if reason}
        status = "unready" if failing else "ready"
        return JSONResponse(
            {"status": status, "reasons": failing}, 503 if failing else 200, {"Cache-Control": "no-store"}
        )

    @router.get("/metrics", summary="What happened, for Prometheus", response_class=Response)
    def series(caller: Caller, accept: Annotated[str, Header()] = "") -> Response:
        if not caller.admin:
            raise ForbiddenError("Metrics tell of everybody's runs.", hint="Ask with an admin's access token.")
        content, media_type = metrics.exposition(accept)
        return Response(content, headers={"Content-Type": media_type, "Cache-Control": "no-store"})

    return router


async def _reason(name: str, check: Check, seconds: float) -> str:
    try:
        return await asyncio.wait_for(check(), seconds)
    except TimeoutError:
        return "does not answer"
    except InhouseError as error:
        logger.warning("Not ready, %s: %s", name, error)
        return error.code  # its message may name paths and hosts
