"""The canvas: ComfyUI's official frontend as it comes, and folders of files that it asks for."""

from __future__ import annotations

import glob
import gzip
import importlib.util
from collections.abc import Mapping
from pathlib import Path

from fastapi import APIRouter, Request
from starlette.responses import Response

from inhouse.errors import InhouseError, PathEscapeError
from inhouse.files import inside, is_file, write_atomic
from inhouse.server.api_prefix import had_prefix
from inhouse.server.media_types import UNKNOWN, media_type
from inhouse.server.pages import page
from inhouse.server.places import is_folder
from inhouse.server.responses import empty, text
from inhouse.server.routes.extensions import file_below
from inhouse.server.served_files import served

_FRESH = {"cache-control": "no-cache", "pragma": "no-cache", "expires": "0"}
_COMPRESSED = frozenset({".css", ".html", ".js", ".json", ".map", ".svg"})
_SMALL = 1400
"""Bytes that go in one packet anyhow."""

_INSTALL = """<h1>The canvas is not installed</h1>
<p>The API works; the page that people draw workflows on is a package of its own:</p>
<pre>pip install 'inhouse[canvas]'</pre>
<p>Then start the server again. The API is described at <a href="/api-docs">/api-docs</a>.</p>"""


def frontend() -> Path | None:
    """Return the folder of the official frontend; None if it is not installed."""
    spec = importlib.util.find_spec("comfyui_frontend_package")
    folder = Path(spec.origin).parent / "static" if spec is not None and spec.origin else None
    return folder if folder is not None and is_file(folder / "index.html") else None


def routes(static: Path | None, cache: Path, folders: Mapping[str, Path]) -> APIRouter:
    """Return the routes of the canvas; they take every address that is left, so that they come last.

    Args:
        static: the frontend's folder, as ``frontend`` finds it.
        cache: where its compressed files are kept; may be deleted at any time.
        folders: further folders by the first part of their address, such as ``templates`` and ``docs``.

    """
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    def index(request: Request) -> Response:
        if static is None:
            return page("Inhouse", _INSTALL, headers=_FRESH)
        return _compressed(request, static, "index.html", cache, _FRESH)

    @router.get("/user.css")
    def style() -> Response:
        return Response(media_type="text/css")  # every canvas asks for it; users keep theirs among their files

    @router.get("/{file:path}")
    def files(request: Request, file: str) -> Response:
        first, _, rest = file.partition("/")
        if had_prefix(request.scope):  # static files are served under their own address only
            return empty(404, {"content-type": UNKNOWN})
        if (rest and first in folders) or file in {f"{name}/" for name in folders}:
            return file_below(request, folders[first], rest)
        if static is None:
            return empty(404, {"content-type": UNKNOWN})
        return _compressed(request, static, file, cache, {})

    return router


def _compressed(request: Request, top: Path, name: str, cache: Path, headers: Mapping[str, str]) -> Response:
    """Return a file, compressed if the client can take that and it is worth it."""
    try:
        path = inside(top, name)
    except PathEscapeError:
        return text("404: Not Found", 404)
    if is_folder(path):
        return text("403: Forbidden", 403)
    if not is_file(path):
        return empty(404, {"content-type": UNKNOWN})
    worth = path.suffix in _COMPRESSED and path.stat().st_size > _SMALL
    vary = {**headers, "vary": "accept-encoding"} if worth else headers
    if worth and _takes_gzip(request) and "range" not in request.headers:
        smaller = _gzipped(path, cache / path.relative_to(top.resolve()))
        if smaller is not None:
            return served(request, smaller, media_type(path.name), {**vary, "content-encoding": "gzip"})
    return served(request, path, media_type(path.name), vary)


def _takes_gzip(request: Request) -> bool:
    offers = request.headers.get("accept-encoding", "").replace(" ", "").split(",")
    return any(offer == "gzip" or (offer.startswith("gzip;q=") and offer.strip("0.") != "gzip;q=") for offer in offers)


def _gzipped(path: Path, place: Path) -> Path | None:
    """Return a compressed copy of a file, made anew when the file changes; None if there is no room for it."""
    stat = path.stat()
    copy = place.with_name(f"{place.name}.{stat.st_mtime_ns:x}.gz")
    if is_file(copy):
        return copy
    try:
        content = gzip.compress(path.read_bytes(), 6, mtime=0)
        write_atomic(copy, lambda file: file.write(content))
        for older in set(copy.parent.glob(f"{glob.escape(place.name)}.*.gz")) - {copy}:
            older.unlink(missing_ok=True)
    except (InhouseError, OSError):
        return None
    return copy
