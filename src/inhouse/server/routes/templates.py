"""``/templates``: the packs' workflows for the canvas's template browser."""

from __future__ import annotations

import re

from fastapi import APIRouter, Request
from starlette.responses import Response

from inhouse.server.json_body import JsonResponse
from inhouse.server.media_types import UNKNOWN, media_type
from inhouse.server.responses import empty
from inhouse.server.served_files import served
from inhouse.server.templates import Templates

_INDEX = re.compile(r"index(?:\.([A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})?))?\.json")


def routes(templates: Templates) -> APIRouter:
    """Return the routes."""
    router = APIRouter(include_in_schema=False)

    @router.get("/templates/index_logo.json")
    def logos() -> Response:
        return JsonResponse({})  # of vendors of models: we show none

    @router.get("/templates/{name}")
    def file(request: Request, name: str) -> Response:
        if (index := _INDEX.fullmatch(name)) is not None:
            return JsonResponse(templates.index(index[1] or "en"))
        path = templates.file(name)
        return empty(404, {"content-type": UNKNOWN}) if path is None else served(request, path, media_type(path.name))

    return router
