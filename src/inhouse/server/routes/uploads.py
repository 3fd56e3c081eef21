"""Uploads: pictures for LoadImage, and masks that were painted on a canvas."""

from __future__ import annotations

import io
import re
from typing import Any, BinaryIO

import orjson
from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.responses import Response

from inhouse.errors import InputNotFoundError, PathEscapeError, RequestError
from inhouse.files import inside, is_file
from inhouse.server.errors import refusal
from inhouse.server.identity import Caller
from inhouse.server.json_body import JsonResponse
from inhouse.server.pictures import with_alpha_of
from inhouse.server.responses import documented, empty
from inhouse.server.uploads import keep
from inhouse.server.user_folders import UserFolders

_KINDS = ("input", "output", "temp")
_FIELDS = 16
_TEXT = {"type": "string"}
_FORM = {
    "image": {"type": "string", "format": "binary"},
    "type": {**_TEXT, "enum": list(_KINDS), "default": "input"},
    "subfolder": {**_TEXT, "default": ""},
    "overwrite": {**_TEXT, "description": "`true` or `1`: replace a file of that name.", "default": "false"},
}
_REF = {**_TEXT, "description": 'JSON: `{"filename": "a.png", "subfolder": "", "type": "output"}`'}


class Uploaded(BaseModel):
    """The name under which a file was kept."""

    name: str
    subfolder: str
    type: str


_ANSWERS = documented(
    empty={400: "There is no file in the form, or its name leads out of the folder."},
    told={
        413: "The file is too large.",
        404: "The original is not there.",
        422: "A field has a value that it cannot have.",
        507: "The disk is full; nothing was left behind.",
    },
)


def routes(folders: UserFolders) -> APIRouter:
    """Return the routes that take files."""
    router = APIRouter()

    @router.post(
        "/upload/image",
        summary="Upload a file",
        response_model=Uploaded,
        responses=_ANSWERS,
        openapi_extra=_form(_FORM, ["image"]),
    )
    async def upload_image(request: Request, caller: Caller) -> Response:
        return await _answer(request, folders, caller.user, masked=False)

    @router.post(
        "/upload/mask",
        summary="Upload a picture's mask",
        description="The transparency of `image` is copied onto the original; the result is kept as `image`'s name.",
        response_model=Uploaded,
        responses=_ANSWERS,
        openapi_extra=_form({**_FORM, "original_ref": _REF}, ["image", "original_ref"]),
    )
    async def upload_mask(request: Request, caller: Caller) -> Response:
        return await _answer(request, folders, caller.user, masked=True)

    return router


async def _answer(request: Request, folders: UserFolders, user: str, *, masked: bool) -> Response:
    try:
        form = await request.form(max_files=_FIELDS, max_fields=_FIELDS)
    except HTTPException as error:
        if error.status_code == 400:
            return empty(400)
        raise
    try:
        return await run_in_threadpool(_kept, form, folders, user, masked=masked)
    except PathEscapeError:
        return empty(400)
    except RequestError as error:
        return refusal(error, 422)
    finally:
        await form.close()


def _kept(form: FormData, folders: UserFolders, user: str, *, masked: bool) -> Response:
    image = form.get("image")
    if image is None:
        return empty(400)
    if not isinstance(image, UploadFile) or not image.filename:
        raise RequestError("The field `image` is no file with a name.")
    kind, subfolder = _text(form, "type") or "input", _text(form, "subfolder")
    own = folders.of(user)
    if kind not in _KINDS:
        raise RequestError(f"There is no type {kind[:50]!r}.", hint=f"There are {', '.join(_KINDS)}.")
    root = getattr(own, kind)
    if "/" in image.filename or "\\" in image.filename:
        inside(root, f"{subfolder}/{image.filename}".replace("\\", "/").lstrip("/"))
        raise RequestError("The file's name is a path.", hint="Send the folder as `subfolder`.")
    content: BinaryIO = image.file
    if masked:
        content = io.BytesIO(with_alpha_of(_original(form, folders, user), content))
    inside(root, subfolder)
    name = keep(root, subfolder, image.filename, content, overwrite=_text(form, "overwrite") in ("true", "1"))
    return JsonResponse({"name": name, "subfolder": subfolder, "type": kind})


def _original(form: FormData, folders: UserFolders, user: str) -> Any:
    try:
        reference = orjson.loads(_text(form, "original_ref"))
    except orjson.JSONDecodeError:
        raise RequestError("The field `original_ref` is no JSON.") from None
    if not isinstance(reference, dict) or not isinstance(reference.get("filename"), str):
        raise RequestError("The field `original_ref` names no file.")
    name, kind = reference["filename"], reference.get("type") or "output"
    if match := re.fullmatch(r"(.*) \[(input|output|temp)\]", name):
        name, kind = match.groups()
    subfolder = reference.get("subfolder") or ""
    if kind not in _KINDS or not isinstance(subfolder, str):
        raise RequestError("The field `original_ref` names no folder that there is.")
    path = inside(getattr(folders.of(user), kind), f"{subfolder}/{name}" if subfolder else name)
    if not is_file(path):
        raise InputNotFoundError("The original is not there.")
    return path


def _text(form: FormData, name: str) -> str:
    value = form.get(name, "")
    if not isinstance(value, str):
        raise RequestError(f"The field {name!r} is a file, not a text.")
    return value


def _form(fields: dict[str, Any], required: list[str]) -> dict[str, Any]:
    schema = {"type": "object", "properties": fields, "required": required}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}
