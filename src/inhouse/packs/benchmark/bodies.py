"""What services are asked: a request in the protocol that an address speaks."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any, Literal, TypeAlias
from urllib.parse import urlsplit, urlunsplit

from inhouse.errors import FileError, RemoteError

Protocol: TypeAlias = Literal["native", "oip", "openai", "other"]
Get: TypeAlias = Callable[[str], Awaitable[Any]]
"""Fetches JSON from an address; None where there is none."""

SENTENCE = "The quick brown fox jumps over the lazy dog near the river."
_FREE = {"tokens": 32, "sequence": 32}
_SIDE = 32
_NUMBER = {"integer": 1, "number": 1.0, "boolean": True, "json": {}}


@dataclass(frozen=True, slots=True)
class Request:
    """What is posted, and where."""

    url: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})


def protocol_of(url: str) -> Protocol:
    """Tell a protocol by the path: ``/services/NAME``, ``/v2/models/NAME[/infer]``, ``/v1/embeddings``, or another."""
    path = urlsplit(url).path.rstrip("/")
    if "/services/" in path:
        return "native"
    if "/v2/models/" in path:
        return "oip"
    return "openai" if path.endswith("/v1/embeddings") else "other"


async def request_for(url: str, batch: int, get: Get, body: Path | None = None, seed: int = 0) -> Request:
    """Return a request of so many rows.

    Args:
        url: of the service.
        batch: rows.
        get: fetches what the service says of itself.
        body: a file that is sent as it is, however many rows it has.
        seed: of random tensors.

    Raises:
        FileError: the file cannot be read.
        RemoteError: the service says too little of itself to make a request up.

    """
    protocol = protocol_of(url)
    address = _infer(url) if protocol == "oip" else url
    if body is not None:
        return Request(address, _content(body), {"Content-Type": _media_type(body)})
    if protocol == "other":
        raise RemoteError(f"Nothing is known of what {url} takes.", hint="Give a body with --data FILE.json.")

    async def told(place: str) -> Any:
        found = await get(place)
        if found is None:
            raise RemoteError(f"There is nothing at {place}.", hint="Check the name, and the token.")
        return found

    maker = {"native": _native, "oip": _oip, "openai": _openai}[protocol]
    try:
        data = await maker(url, batch, told, random.Random(seed))  # noqa: S311 - questions, not secrets
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise RemoteError(
            f"What {url} says of itself cannot be understood.", hint="Give a body with --data FILE.json."
        ) from error
    return Request(address, json.dumps(data).encode())


async def _native(url: str, batch: int, get: Get, chance: random.Random) -> dict[str, Any]:
    fields = (await get(url))["inputs"]
    wanted = [one for one in fields if one.get("required", True)] or fields
    return {"inputs": {one["name"]: _rows(one, batch, chance) for one in wanted}}


def _rows(declared: Mapping[str, Any], batch: int, chance: random.Random) -> Any:
    many = declared.get("rows", True)
    found = [_value(declared, chance) for _ in range(batch if many else 1)]
    return found if many else found[0]


def _value(declared: Mapping[str, Any], chance: random.Random) -> Any:
    if declared.get("example") is not None:
        return declared["example"]
    kind = declared["kind"]
    if kind == "tensor":
        shape = [size if isinstance(size, int) else _FREE.get(size, _SIDE) for size in declared.get("shape", ())]
        return _nested(shape, str(declared.get("dtype", "float32")), chance)
    if kind == "choice":
        return declared["choices"][0]
    if kind == "messages":
        return [{"role": "user", "content": SENTENCE}]
    if kind in ("image", "file"):
        return base64.b64encode(_png()).decode()
    return _NUMBER.get(kind, SENTENCE)


async def _oip(url: str, batch: int, get: Get, chance: random.Random) -> dict[str, Any]:
    inputs = []
    for one in (await get(_infer(url).removesuffix("/infer")))["inputs"]:
        shape = [int(size) for size in one["shape"]]
        shape = [batch, *(size if size > 0 else _SIDE for size in shape[1:])]
        kind, count = one["datatype"], prod(shape)
        inputs.append({"name": one["name"], "shape": shape, "datatype": kind, "data": _elements(kind, count, chance)})
    return {"inputs": inputs}


async def _openai(url: str, batch: int, get: Get, chance: random.Random) -> dict[str, Any]:
    del chance
    parts = urlsplit(url)
    models = await get(
        urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/")[: -len("embeddings")] + "models", "", ""))
    )
    names = [one["id"] for one in models["data"]]
    wanted = parts.fragment or names[0]
    return {"model": wanted, "input": [SENTENCE] * batch}


def _elements(kind: str, count: int, chance: random.Random) -> list[Any]:
    if kind == "BYTES":
        return [SENTENCE] * count
    if kind == "BOOL":
        return [True] * count
    if kind.startswith(("INT", "UINT")):
        return [chance.randrange(1, 100) for _ in range(count)]
    return [round(chance.gauss(0, 1), 4) for _ in range(count)]


def _nested(shape: list[int], dtype: str, chance: random.Random) -> Any:
    if not shape:
        return _elements("INT64" if "int" in dtype else "BOOL" if dtype == "bool" else "FP32", 1, chance)[0]
    return [_nested(shape[1:], dtype, chance) for _ in range(shape[0])]


def _infer(url: str) -> str:
    path = url.rstrip("/")
    return path if path.endswith("/infer") else f"{path}/infer"


def _content(body: Path) -> bytes:
    try:
        return body.read_bytes()
    except OSError as error:
        raise FileError(f"{body} cannot be read: {error.strerror}.", hint="Check --data.") from error


def _media_type(path: Path) -> str:
    import mimetypes

    if path.suffix.lower() in (".dcm", ".dicom"):
        return "application/dicom"
    return mimetypes.guess_type(path.name)[0] or "application/octet-stream"


def _png() -> bytes:
    """Return a grey picture."""
    import io

    from PIL import Image

    stream = io.BytesIO()
    Image.new("RGB", (224, 224), (127, 127, 127)).save(stream, "PNG")
    return stream.getvalue()
