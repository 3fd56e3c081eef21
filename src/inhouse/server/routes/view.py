"""Pictures and other files of a user's folders, as they are, smaller, or one channel of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Annotated
from urllib.parse import quote

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from inhouse.errors import PathEscapeError
from inhouse.files import inside, is_file
from inhouse.server.identity import Caller
from inhouse.server.media_types import inert_media_type
from inhouse.server.pictures import channel_png, preview
from inhouse.server.responses import Documentation, documented, empty
from inhouse.server.served_files import served
from inhouse.server.user_folders import UserFolders

_HARMLESS = {
    "content-security-policy": "default-src 'none'; sandbox",
    "x-content-type-options": "nosniff",
    "cache-control": "private",
}
"""A file that somebody put here must not act in their name who looks at it; nor may a proxy keep it for others."""

_KINDS = ("input", "output", "temp")
_CHANNELS = ("rgb", "a")
_PAINTERS = 2
"""So many previews are made at a time: an unpacked picture takes a thousand times the memory of its file."""

_ANNOTATED = re.compile(r"(.*) \[(input|output|temp)\]", re.DOTALL)

_ANSWERS: Documentation = {
    200: {
        "description": "The file, its preview, or one channel of it.",
        "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}},
    },
    206: {"description": "The part of the file that was asked for."},
    304: {"description": "The client has it."},
    **documented(
        empty={
            400: "The name is empty, absolute or has `..` in it, or there is no such type.",
            403: "The subfolder leads out of its folder.",
            404: "There is no such file.",
            416: "The file is shorter.",
        },
        told={422: "The file is no picture that can be read."},
    ),
}


def routes(folders: UserFolders) -> APIRouter:
    """Return the routes that show files."""
    router = APIRouter()
    painters = CapacityLimiter(_PAINTERS)

    @router.get("/view", summary="Show a file", response_class=Response, responses=_ANSWERS)
    async def view(
        request: Request,
        caller: Caller,
        filename: Annotated[str | None, Query(description="May end in ` [input]` and the like.")] = None,
        kind: Annotated[str, Query(alias="type", description="`input`, `output` or `temp`.")] = "output",
        subfolder: str = "",
        shown: Annotated[
            str | None, Query(alias="preview", description="`webp` or `jpeg`, then `;` and a quality.")
        ] = None,
        channel: Annotated[str, Query(description="`rgba`, `rgb` or `a`.")] = "rgba",
    ) -> Response:
        if filename is None:
            return empty(404)
        if match := _ANNOTATED.fullmatch(filename):
            filename, kind = match.groups()
        name = PurePosixPath(filename).name
        unfit = not name or filename.startswith("/") or ".." in filename or "\0" in filename
        if unfit or kind not in _KINDS:
            return empty(400)

        def answer() -> Response:
            try:
                path = inside(inside(getattr(folders.of(caller.user), kind), subfolder), name)
            except PathEscapeError:
                return empty(403)
            if not is_file(path):
                return empty(404)
            headers = {**_HARMLESS, "content-disposition": _disposition(name)}
            return _changed(path, shown, channel, headers) or served(request, path, inert_media_type(name), headers)

        return await to_thread.run_sync(
            answer, limiter=None if shown is None and channel not in _CHANNELS else painters
        )

    return router


def _changed(path: Path, shown: str | None, channel: str, headers: Mapping[str, str]) -> Response | None:
    """Return a preview or a channel, None if the file itself is wanted."""
    if shown is not None:
        content, media_type = preview(path, shown, channel=channel)
        return Response(content, headers=headers, media_type=media_type)
    if channel in _CHANNELS:
        return Response(channel_png(path, channel), headers=headers, media_type="image/png")
    return None


def _disposition(name: str) -> str:
    """Return the name for who saves the file (RFC 6266), twice if it has letters that a header cannot carry."""
    plain = "".join(letter if " " <= letter <= "~" and letter not in '"\\%' else "_" for letter in name)
    full = f'filename="{plain}"'
    return full if plain == name else f"{full}; filename*=UTF-8''{quote(name, safe='', errors='replace')}"
