"""What the canvas's own panels ask for: the log, and lists of files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import Response

from inhouse.errors import ForbiddenError, RequestError
from inhouse.models.catalogue import ModelCatalogue
from inhouse.server.identity import Caller, Identity
from inhouse.server.json_body import JsonResponse, read_object
from inhouse.server.logbook import Logbook
from inhouse.server.model_files import shown_folder
from inhouse.server.responses import documented, empty, json_value
from inhouse.server.user_folders import UserFolders

_SIZE = {"cols": 80, "rows": 24}
"""Of a terminal; the canvas asks, though there is none."""

_SUBSCRIBE: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "properties": {"clientId": {"type": "string"}, "enabled": {"type": "boolean"}},
                    "required": ["clientId", "enabled"],
                }
            }
        },
    }
}


class RawLogs(BaseModel):
    """The newest lines of the log: ``t`` when, ``m`` what."""

    entries: list[dict[str, str]]
    size: dict[str, int]


class NoFolder(BaseModel):
    """Why there are no files."""

    error: str


def routes(logbook: Logbook, folders: UserFolders, catalogue: ModelCatalogue) -> APIRouter:
    """Return the routes under ``/internal``. The log is everybody's doings, so that only admins may read it."""
    router = APIRouter(prefix="/internal")
    _logs(router, logbook)
    _folders(router, folders, catalogue)
    return router


def _logs(router: APIRouter, logbook: Logbook) -> None:
    forbidden = documented(told={403: "Only an admin may read the log."})

    @router.get("/logs", summary="Show the log as text", response_model=str, responses=forbidden)
    def lines(caller: Caller) -> Response:
        _admit(caller)
        return json_value("".join(f"{entry['t']} - {entry['m']}" for entry in logbook.entries()))

    @router.get("/logs/raw", summary="Show the log as entries", response_model=RawLogs, responses=forbidden)
    def raw(caller: Caller) -> Response:
        _admit(caller)
        return JsonResponse({"entries": logbook.entries(), "size": _SIZE})

    @router.patch(
        "/logs/subscribe",
        summary="Have new lines sent to a WebSocket",
        response_class=Response,
        responses={
            200: {"description": "It is done."},
            **forbidden,
            **documented(told={400: "The body names no client.", 413: "The body is too large."}),
        },
        openapi_extra=_SUBSCRIBE,
    )
    async def subscribe(request: Request, caller: Caller) -> Response:
        _admit(caller)
        body = await read_object(request)
        client_id, enabled = body.get("clientId"), body.get("enabled")
        if not isinstance(client_id, str) or not isinstance(enabled, bool):
            raise RequestError("The body names no client.", hint='Send {"clientId": "...", "enabled": true}.')
        logbook.subscribe(client_id, enabled=enabled)
        return empty()


def _folders(router: APIRouter, folders: UserFolders, catalogue: ModelCatalogue) -> None:
    @router.get("/folder_paths", summary="Show the model folders by kind", response_model=dict[str, list[str]])
    def paths() -> Response:
        kinds = catalogue.kinds()
        return JsonResponse({kind: [shown_folder(path) for path in catalogue.folders(kind)] for kind in kinds})

    @router.get(
        "/files/{directory_type}",
        summary="Show a folder's files, the newest first",
        response_model=list[str],
        responses={400: {"description": "There is no such folder.", "model": NoFolder}},
    )
    def files(directory_type: str, caller: Caller) -> Response:
        if directory_type not in ("input", "output", "temp"):
            return JsonResponse({"error": "Invalid directory type"}, 400)
        return JsonResponse(_newest_first(getattr(folders.of(caller.user), directory_type)))


def _admit(caller: Identity) -> None:
    if not caller.admin:
        raise ForbiddenError("Only an admin may read the log.")


def _newest_first(folder: Path) -> list[str]:
    try:
        entries = [entry for entry in os.scandir(folder) if entry.is_file() and not entry.name.startswith(".")]
        return [entry.name for entry in sorted(entries, key=lambda entry: entry.stat().st_mtime_ns, reverse=True)]
    except OSError:  # there is no folder yet, or a file went away meanwhile
        return []
