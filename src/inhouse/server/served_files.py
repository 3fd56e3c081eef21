"""Files as responses: with an entity tag, ranges, and 304 for who has it already (RFC 9110)."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from email.utils import formatdate, parsedate_to_datetime
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response

from inhouse.server.methods import wants_headers_only
from inhouse.server.responses import empty


def served(request: Request, path: Path, media_type: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return a file as a response, 304 if the client has it, an empty 404 if there is none."""
    found = _stat(path)
    if found is None:
        return empty(404)
    etag = f'"{found.st_mtime_ns:x}-{found.st_size:x}"'
    modified = formatdate(found.st_mtime, usegmt=True)
    every = {"etag": etag, "last-modified": modified, **(headers or {})}
    if _unchanged(request, etag, found.st_mtime):
        return empty(304, every)
    if wants_headers_only(request.scope):
        length = {"content-length": str(found.st_size), "accept-ranges": "bytes", "content-type": media_type}
        return empty(200, {**every, **length})
    response = FileResponse(path, headers=every, media_type=media_type, stat_result=found)
    response.headers["content-type"] = media_type  # as it is: no character set is known of a file
    return response


def _stat(path: Path) -> os.stat_result | None:
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return found if stat.S_ISREG(found.st_mode) else None


def _unchanged(request: Request, etag: str, modified: float) -> bool:
    known = request.headers.get("if-none-match")
    if known is not None:
        return known.strip() == "*" or etag in [tag.strip().removeprefix("W/") for tag in known.split(",")]
    since = request.headers.get("if-modified-since")
    try:
        return since is not None and int(modified) <= parsedate_to_datetime(since).timestamp()
    except (ValueError, OverflowError):
        return False
