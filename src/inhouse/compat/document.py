"""Workflow files of every kind: API JSON, canvas JSON, request bodies, and PNG or WebP pictures that carry either.

Where a file has both formats, the API format wins: it is what ran, with every random choice made, and reading it
needs no node to be known. The canvas is then kept beside it in the workflow's ``source``.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from inhouse.compat import png_text, webp_text
from inhouse.compat.canvas import is_canvas, read_canvas
from inhouse.compat.json_text import MAX_BYTES, finite, parse_json
from inhouse.compat.prompt import read_prompt
from inhouse.errors import WorkflowFormatError

if TYPE_CHECKING:
    from inhouse.engine.registry import Registry
    from inhouse.engine.workflow import Workflow

_KEYWORDS = ("prompt", "workflow")
_OTHER_KINDS = (
    (b"\xff\xd8\xff", "a JPEG picture", "JPEG keeps no workflow; take the PNG or WebP original, or the JSON file."),
    (b"GIF8", "a GIF picture", "GIF keeps no workflow; take the JSON file."),
    (b"PK\x03\x04", "a ZIP archive", "Unpack it and give the file inside."),
    (b"\x1f\x8b", "a gzip archive", "Unpack it and give the file inside."),
    (b"%PDF", "a PDF document", "Give the workflow's JSON file."),
    (b"\xff\xfe", "UTF-16 text", "Save it as UTF-8."),
    (b"\xfe\xff", "UTF-16 text", "Save it as UTF-8."),
)


def read_workflow(source: Path | str | bytes, registry: Registry, *, seed: int = 0) -> Workflow:
    """Read a workflow from a file, or from a file's content.

    Args:
        source: a path, or the content as bytes.
        registry: the nodes there are; canvas files name their widgets only by position.
        seed: decides between the options of dynamic prompts (``{red|green}``) in canvas files.

    Raises:
        WorkflowFormatError: it cannot be read, or is no workflow; the message says what it is and what to do.
        WorkflowInvalidError: nodes in it are malformed; each fault names its node.

    """
    if isinstance(source, bytes):
        return _read(io.BytesIO(source), "The workflow", registry, seed)
    path = Path(source)
    try:
        with path.open("rb") as file:
            return _read(file, path.name, registry, seed)
    except OSError as error:
        raise WorkflowFormatError(f"Cannot read {path}: {error.strerror}.", hint="Check the path.") from error
    except ValueError as error:  # a NUL in the path
        raise WorkflowFormatError(f"{str(source)!r} is no path: {error}.") from error


def read_document(document: object, registry: Registry, *, seed: int = 0, name: str = "The workflow") -> Workflow:
    """Read a workflow from parsed JSON: the API format, the canvas format, or a body that holds either.

    Raises:
        WorkflowFormatError: it is none of these.
        WorkflowInvalidError: nodes in it are malformed; each fault names its node.

    """
    try:
        return _read_document(document, registry, seed, name)
    except RecursionError as error:
        raise WorkflowFormatError(f"{name} is nested too deep.", hint="No workflow is; export it again.") from error


def _read(file: BinaryIO, name: str, registry: Registry, seed: int) -> Workflow:
    start = file.read(16)
    file.seek(0)
    if start.startswith(png_text.SIGNATURE):
        texts = png_text.read_png_text(file, _KEYWORDS, name)
    elif webp_text.is_webp(start):
        texts = webp_text.read_webp_text(file, _KEYWORDS)
    else:
        _refuse_other_kinds(start, name)
        return read_document(parse_json(file.read(MAX_BYTES + 1), name), registry, seed=seed, name=name)
    parts = {keyword: parse_json(text, f"{name}, text {keyword!r}") for keyword, text in texts.items()}
    if not any(parts.values()):
        raise WorkflowFormatError(
            f"{name} is a picture without a workflow.",
            hint="It was made elsewhere, or something removed it on the way; take the original file.",
        )
    return read_document(parts, registry, seed=seed, name=name)


def _read_document(document: object, registry: Registry, seed: int, name: str) -> Workflow:
    if not isinstance(document, Mapping):
        kind = "a list" if isinstance(document, list) else "a single value"
        raise WorkflowFormatError(f"{name} is {kind}, not a workflow.", hint="Export the workflow again.")
    if is_canvas(document):
        return read_canvas(document, registry, seed=seed)
    prompt, canvas = document.get("prompt"), document.get("workflow")
    if isinstance(prompt, Mapping) and "class_type" not in prompt and (prompt or not is_canvas(canvas)):
        return read_prompt(prompt, _extra(document))
    if is_canvas(canvas):
        return read_canvas(canvas, registry, seed=seed)
    if any(isinstance(node, Mapping) and "class_type" in node for node in document.values()):
        return read_prompt(document)
    raise WorkflowFormatError(
        f"{name} is JSON, but has no nodes of a workflow (its keys are {_listed(document)}).",
        hint="Give a workflow saved or exported (API) from the canvas.",
    )


def _extra(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a client wants to be saved beside pictures."""
    extra_data = document.get("extra_data")
    info = extra_data.get("extra_pnginfo") if isinstance(extra_data, Mapping) else None
    extra = dict(info) if isinstance(info, Mapping) else {}
    if is_canvas(document.get("workflow")):
        extra.setdefault("workflow", document["workflow"])
    return {str(key): finite(value) for key, value in extra.items() if key != "prompt"}


def _refuse_other_kinds(start: bytes, name: str) -> None:
    for signature, kind, hint in _OTHER_KINDS:
        if start.startswith(signature):
            raise WorkflowFormatError(f"{name} is {kind}, not a workflow.", hint=hint)


def _listed(document: Mapping[str, Any]) -> str:
    keys = [repr(str(key)[:30]) for key in list(document)[:6]]
    return ", ".join(keys + ["..."] * (len(document) > 6)) or "none"
