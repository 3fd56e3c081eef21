"""The machine and its workers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from inhouse.server.json_body import JsonResponse
from inhouse.server.machine import system_stats


class Workers(Protocol):
    """Who knows the workers."""

    async def devices(self) -> Sequence[Mapping[str, Any]]:
        """Return each worker's devices, with their memory as it is now."""

    def versions(self) -> Mapping[str, str]:
        """Return the versions of what the workers run on."""


class SystemStats(BaseModel):
    """The machine, and the devices of its workers."""

    system: dict[str, Any]
    devices: list[dict[str, Any]]


def routes(workers: Workers, features: Mapping[str, Any]) -> APIRouter:
    """Return the routes about the machine; ``features`` is what the WebSocket says that the server can do."""
    router = APIRouter()

    @router.get("/system_stats", summary="Show the machine", response_model=SystemStats)
    async def stats() -> Response:
        devices = await workers.devices()
        return JsonResponse(await run_in_threadpool(system_stats, devices, workers.versions()))

    @router.get("/features", summary="Show what the server can do", response_model=dict[str, Any])
    def abilities() -> Response:
        return JsonResponse(dict(features))

    return router
