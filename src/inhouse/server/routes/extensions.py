"""What the canvas is extended with: scripts of ours and of custom packs, their workflows, translations, subgraphs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from fastapi import APIRouter, Request
from starlette.responses import Response

from inhouse.errors import PathEscapeError
from inhouse.files import inside
from inhouse.server import pack_files
from inhouse.server.json_body import JsonResponse
from inhouse.server.media_types import UNKNOWN, media_type
from inhouse.server.places import is_folder
from inhouse.server.responses import documented, empty, text
from inhouse.server.served_files import served
from inhouse.workers.base import PackDescription

_NO_FILE = {"content-type": UNKNOWN}


def routes(packs: Callable[[], Sequence[PackDescription]], own: Mapping[str, Path]) -> APIRouter:
    """Return the routes of what extends the canvas.

    Args:
        packs: returns the custom packs as they are now.
        own: folders of scripts that are not a pack's, by name: ``core`` for the canvas's, others for ours.

    """
    router = APIRouter()
    _scripts(router, packs, own)
    _workflows(router, packs)
    return router


def _scripts(router: APIRouter, packs: Callable[[], Sequence[PackDescription]], own: Mapping[str, Path]) -> None:
    def folders() -> dict[str, Path]:
        return {**{pack.name: pack.web for pack in packs() if pack.web is not None}, **own}

    @router.get("/extensions", summary="Show the scripts that a canvas loads", response_model=list[str])
    def listed() -> Response:
        return JsonResponse([path for name, web in folders().items() for path in pack_files.scripts(name, web)])

    @router.get("/extensions/{pack}/{file:path}", include_in_schema=False)
    def script(request: Request, pack: str, file: str) -> Response:
        web = folders().get(unquote(pack))
        if web is None:
            return empty(404, _NO_FILE)
        return file_below(request, web, file)


def file_below(request: Request, top: Path, name: str) -> Response:
    """Return a file of a folder as it is, or ComfyUI's answers: 403 for a folder, 404 for what there is not."""
    try:
        path = inside(top, name)
    except PathEscapeError:
        return text("404: Not Found", 404)
    if is_folder(path):
        return text("403: Forbidden", 403)
    response = served(request, path, media_type(path.name))
    return empty(404, _NO_FILE) if response.status_code == 404 else response


def _workflows(router: APIRouter, packs: Callable[[], Sequence[PackDescription]]) -> None:
    @router.get("/workflow_templates", summary="Show the packs' example workflows", response_model=dict[str, list[str]])
    def templates() -> Response:
        found = {pack.name: pack_files.examples(pack) for pack in packs()}
        return JsonResponse({name: names for name, names in found.items() if names})

    @router.get("/workflow_templates/{pack}/{file:path}", include_in_schema=False)
    def template(request: Request, pack: str, file: str) -> Response:
        found = next((each for each in packs() if each.name == unquote(pack)), None)
        path = pack_files.example_file(found, unquote(file)) if found else None
        return empty(404, _NO_FILE) if path is None else served(request, path, media_type(path.name))

    @router.get("/i18n", summary="Show the packs' translations", response_model=dict[str, Any])
    def translations() -> Response:
        return JsonResponse(pack_files.translations(packs()))

    @router.get("/global_subgraphs", summary="Show the packs' subgraphs", response_model=dict[str, Any])
    def subgraphs() -> Response:
        return JsonResponse({key: description for key, (_, description) in pack_files.subgraphs(packs()).items()})

    @router.get(
        "/global_subgraphs/{identifier}",
        summary="Show a subgraph",
        response_model=dict[str, str],
        responses=documented(empty={404: "There is no such subgraph."}),
    )
    def subgraph(identifier: str) -> Response:
        found = pack_files.subgraphs(packs()).get(identifier)
        content = pack_files.text_of(found[0]) if found else None
        return empty(404) if content is None else JsonResponse({"data": content})
