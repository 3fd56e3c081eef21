"""Users' data: workflows and what else a canvas keeps for its user."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any
from urllib.parse import unquote

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from inhouse.errors import NotFoundError, PathEscapeError, RequestError
from inhouse.files import is_file
from inhouse.server.identity import Caller
from inhouse.server.json_body import JsonResponse
from inhouse.server.media_types import UNKNOWN, inert_media_type, media_type
from inhouse.server.places import is_folder
from inhouse.server.responses import documented, empty, json_value, text
from inhouse.server.served_files import served
from inhouse.server.spooled import spooled
from inhouse.server.user_data import UserData
from inhouse.server.user_folders import UserFolders

_HARMLESS = {
    "content-security-policy": "default-src 'none'; sandbox",
    "x-content-type-options": "nosniff",
    "cache-control": "private, no-cache",
}
_UNWRITTEN: Mapping[str, bytes] = MappingProxyType({"user.css": b"", "comfy.templates.json": b"[]"})
"""What every canvas reads when it starts, written or not; browsers show what is missing as errors."""
_OVERWRITE = Query(description="`false`: refuse if there is such a file.")
_FULL_INFO = Query(description="`true`: tell size and times, too.")
_BYTES = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
_PATH: dict[str, Any] = {"content": {"application/json": {"schema": {"type": ["string", "object"]}}}}
_ENTRIES: dict[str, Any] = {"content": {"application/json": {"schema": {"type": "array"}}}}
_KEPT = {
    200: {"description": "Where it is kept.", **_PATH},
    **documented(
        empty={400: "No file can have that name.", 403: "The name leads out of your folder."},
        text={409: "There is such a file."},
        told={413: "It is too large.", 507: "The disk is full; nothing was left behind."},
    ),
}


def routes(folders: UserFolders) -> APIRouter:
    """Return the routes of users' files. A name is one segment of the path: its slashes are sent as ``%2F``."""
    router = APIRouter()
    _listings(router, folders)
    _files(router, folders)
    _changes(router, folders)
    return router


def _listings(router: APIRouter, folders: UserFolders) -> None:
    listed = documented(
        text={400: "No folder was named.", 403: "It leads out of your folder.", 404: "There is no such folder."}
    )

    @router.get("/userdata", summary="List files", responses={200: {"description": "The files.", **_ENTRIES}, **listed})
    def names(
        caller: Caller,
        folder: Annotated[str, Query(alias="dir", description="The folder; `.` for the topmost.")] = "",
        recurse: Annotated[str, Query(description="`true`: also in folders below.")] = "",
        split: Annotated[str, Query(description="`true`: each as a list of path and parts.")] = "",
        full_info: Annotated[str, _FULL_INFO] = "",
    ) -> Response:
        if not folder:
            return text("Directory not provided", 400)
        data = _of(folders, caller.user)
        try:
            found = data.names(folder, recurse=_yes(recurse))
            if _yes(full_info):
                return JsonResponse([data.facts(data.path(folder) / name, data.path(folder)) for name in found])
        except PathEscapeError:
            return text("Invalid directory", 403)
        except (NotFoundError, OSError):  # it may go away while it is looked at
            return text("Directory not found", 404)
        return JsonResponse([[name, *name.split("/")] for name in found] if _yes(split) else found)

    shown = documented(text={400: "It is no folder, or leads out of yours.", 404: "There is no such folder."})

    @router.get(
        "/v2/userdata",
        summary="Show a tree",
        responses={200: {"description": "Folders, then files.", **_ENTRIES}, **shown},
    )
    def tree(caller: Caller, path: Annotated[str, Query(description="Where it begins.")] = "") -> Response:
        try:
            return JsonResponse(_of(folders, caller.user).tree(unquote(path)))
        except PathEscapeError:
            return text("Invalid path requested", 400)
        except RequestError as error:
            missing = isinstance(error, NotFoundError)
            return text("Requested path not found" if missing else error.message, 404 if missing else 400)


def _files(router: APIRouter, folders: UserFolders) -> None:
    missing = documented(empty={403: "The name leads out of your folder.", 404: "There is no such file."})

    @router.get(
        "/userdata/{file}",
        summary="Read a file",
        response_class=Response,
        responses={200: {"description": "The file.", "content": {"*/*": {}}}, **missing},
    )
    def read(request: Request, file: str, caller: Caller) -> Response:
        try:
            path = _of(folders, caller.user).path(unquote(file))
        except PathEscapeError:
            return empty(403)
        if is_folder(path):
            return empty(403, {"content-type": UNKNOWN})
        if file in _UNWRITTEN and not is_file(path):
            return Response(_UNWRITTEN[file], headers=_HARMLESS, media_type=media_type(file))
        kind = "text/css" if path.suffix == ".css" else inert_media_type(path.name)  # the canvas reads a user.css
        return served(request, path, kind, _HARMLESS)

    @router.delete(
        "/userdata/{file}",
        summary="Delete a file",
        status_code=204,
        responses={**missing, **documented(told={507: "The disk does not let it go."})},
    )
    def delete(file: str, caller: Caller) -> Response:
        try:
            _of(folders, caller.user).delete(unquote(file))
        except PathEscapeError:
            return empty(403)
        except NotFoundError:
            return empty(404)
        return empty(204)


def _changes(router: APIRouter, folders: UserFolders) -> None:
    @router.post(
        "/userdata/{file}",
        summary="Keep a file",
        responses=_KEPT,
        openapi_extra={"requestBody": {"content": _BYTES}},
    )
    async def write(
        request: Request,
        file: str,
        caller: Caller,
        overwrite: Annotated[str, _OVERWRITE] = "true",
        full_info: Annotated[str, _FULL_INFO] = "false",
    ) -> Response:
        data = _of(folders, caller.user)
        async with spooled(request) as content:

            def kept() -> Response:
                path = data.write(unquote(file), content, overwrite=overwrite != "false")
                return _told(data, path, full_info)

            return await run_in_threadpool(_answered, kept)

    @router.post(
        "/userdata/{file}/move/{dest}",
        summary="Give a file another name",
        responses={**_KEPT, **documented(empty={404: "There is no such file."})},
    )
    def move(
        file: str,
        dest: str,
        caller: Caller,
        overwrite: Annotated[str, _OVERWRITE] = "true",
        full_info: Annotated[str, _FULL_INFO] = "false",
    ) -> Response:
        data = _of(folders, caller.user)
        return _answered(
            lambda: _told(data, data.move(unquote(file), unquote(dest), overwrite=overwrite != "false"), full_info)
        )


def _answered(change: Callable[[], Response]) -> Response:
    try:
        return change()
    except PathEscapeError:
        return empty(403)
    except NotFoundError:
        return empty(404)
    except RequestError:
        return empty(400)
    except FileExistsError:
        return text("File already exists", 409)


def _told(data: UserData, path: Path, full_info: str) -> Response:
    facts = data.facts(path)
    return json_value(facts if _yes(full_info) else facts["path"])


def _of(folders: UserFolders, user: str) -> UserData:
    return UserData(folders.profile(user))


def _yes(word: str) -> bool:
    return word.lower() == "true"
