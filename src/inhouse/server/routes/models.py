"""The model files there are."""

from __future__ import annotations

from pathlib import PurePosixPath
from urllib.parse import unquote

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.responses import Response

from inhouse.errors import ModelError, ModelNotFoundError, PathEscapeError
from inhouse.models.catalogue import ModelCatalogue
from inhouse.models.safetensors_file import open_safetensors
from inhouse.server.json_body import JsonResponse
from inhouse.server.model_files import cover, listing, shown_folder
from inhouse.server.responses import documented, empty


class ModelFolder(BaseModel):
    """A kind of model, and its folders, without where they lie on the server."""

    name: str
    folders: list[str]


class ModelFile(BaseModel):
    """A model file: its folder's place among those of its kind, size in bytes, times in seconds since the epoch."""

    name: str
    pathIndex: int  # noqa: N815 - ComfyUI's name
    modified: float
    created: float
    size: int


_NO_KIND = documented(empty={404: "There is no such kind of model."})
_HIDDEN = frozenset({"configs", "custom_nodes"})


def routes(catalogue: ModelCatalogue) -> APIRouter:
    """Return the routes that show model files."""
    router = APIRouter()
    _lists(router, catalogue)
    _library(router, catalogue)
    return router


def _lists(router: APIRouter, catalogue: ModelCatalogue) -> None:
    @router.get("/models", summary="Show the kinds of model", response_model=list[str])
    def kinds() -> Response:
        return JsonResponse(catalogue.kinds())

    @router.get("/models/{folder}", summary="Show the models of a kind", response_model=list[str], responses=_NO_KIND)
    def names(folder: str) -> Response:
        try:
            return JsonResponse(catalogue.names(unquote(folder)))
        except ModelNotFoundError:
            return empty(404)

    @router.get("/embeddings", summary="Show the embeddings", response_model=list[str])
    def embeddings() -> Response:
        try:
            found = catalogue.names("embeddings")
        except ModelNotFoundError:
            found = []
        return JsonResponse([str(PurePosixPath(name).with_suffix("")) for name in found])

    @router.get(
        "/view_metadata/{folder}",
        summary="Show what a .safetensors file says of itself",
        response_model=dict[str, str],
        responses=documented(empty={404: "There is no such file, or it is of another format or broken."}),
    )
    def metadata(folder: str, filename: str = "") -> Response:
        if not filename.endswith(".safetensors"):
            return empty(404)
        try:
            return JsonResponse(dict(open_safetensors(catalogue.path(unquote(folder), filename)).metadata))
        except (ModelError, PathEscapeError, OSError):
            return empty(404)


def _library(router: APIRouter, catalogue: ModelCatalogue) -> None:
    @router.get("/experiment/models", summary="Show the model folders", response_model=list[ModelFolder])
    def folders() -> Response:
        kinds = [kind for kind in catalogue.kinds() if kind not in _HIDDEN]
        return JsonResponse(
            [{"name": kind, "folders": [shown_folder(path) for path in catalogue.folders(kind)]} for kind in kinds]
        )

    @router.get(
        "/experiment/models/{folder}",
        summary="Show the model files of a kind",
        response_model=list[ModelFile],
        responses=_NO_KIND,
    )
    def files(folder: str) -> Response:
        try:
            return JsonResponse(listing(catalogue, unquote(folder)))
        except ModelNotFoundError:
            return empty(404)

    @router.get(
        "/experiment/models/preview/{folder}/{path_index}/{filename:path}",
        summary="Show how a model's pictures look",
        response_class=Response,
        responses={
            200: {"description": "The picture beside the model.", "content": {"image/webp": {}}},
            **documented(empty={404: "There is no such folder, or no picture beside the model."}),
        },
    )
    def picture(folder: str, path_index: str, filename: str) -> Response:
        try:
            place = catalogue.folders(unquote(folder))
        except ModelNotFoundError:
            return empty(404)
        index = int(path_index) if path_index.isascii() and path_index.isdigit() and len(path_index) < 4 else -1
        found = cover(place[index], unquote(filename)) if 0 <= index < len(place) else None
        return empty(404) if found is None else Response(found, media_type="image/webp")
