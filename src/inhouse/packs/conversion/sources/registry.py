"""Every format by name: what it is told by, and the module that opens it."""

from __future__ import annotations

import importlib
import re
import shutil
import tempfile
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inhouse.errors import ModelNotFoundError, ModelUnsupportedError, UsageError
from inhouse.packs.conversion.sources.request import Request

if TYPE_CHECKING:
    from inhouse.packs.conversion.model import SourceModel

_CALLABLE = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
_START = 8


@dataclass(frozen=True, slots=True)
class Format:
    """A format of sources.

    Attributes:
        name: as a receipt has it.
        matches: whether a file or folder, with its first bytes, is of it.
        module: below `inhouse.packs.conversion.sources`; its ``open_source`` opens one.
        example: for messages.

    """

    name: str
    matches: Callable[[Path, bytes], bool]
    module: str
    example: str


def _suffix(*suffixes: str) -> Callable[[Path, bytes], bool]:
    return lambda path, _: path.is_file() and path.suffix.lower() in suffixes


def _has(*names: str) -> Callable[[Path, bytes], bool]:
    return lambda path, _: path.is_dir() and any((path / name).is_file() for name in names)


def _diffusers(path: Path, _: bytes) -> bool:
    config = path / "config.json"
    if not config.is_file():
        return (path / "model_index.json").is_file()
    with config.open("rb") as file:
        return b"_diffusers_version" in file.read(100_000)


def _scripted(path: Path, start: bytes) -> bool:
    """Whether it is a zip with TorchScript's code in it, which a pickle of weights has not."""
    import zipfile

    if path.suffix.lower() not in {".pt", ".ts", ".pth", ".torchscript"} or not start.startswith(b"PK"):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return any("/code/" in name for name in archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return False


FORMATS = (
    Format(
        "gguf", lambda path, start: start.startswith(b"GGUF") or _suffix(".gguf")(path, start), "gguf_file", ".gguf"
    ),
    Format("onnx", _suffix(".onnx"), "onnx_graph", ".onnx"),
    Format("torch-export", _suffix(".pt2"), "torch_export", ".pt2"),
    Format("torchscript", _scripted, "torchscript", ".pt"),
    Format("torchscript", _suffix(".ts", ".torchscript"), "torchscript", ".ts"),
    Format("sklearn", _suffix(".joblib", ".pkl", ".pickle"), "sklearn_model", ".joblib"),
    Format("safetensors", _suffix(".safetensors", ".sft", ".pt", ".pth", ".ckpt", ".bin"), "weights", ".safetensors"),
    Format("diffusers", _diffusers, "diffusers_folder", "a diffusers folder"),
    Format("transformers", _has("config.json"), "transformers_folder", "a transformers folder"),
)
"""The first that matches wins."""


def open_source(
    path_or_spec: str,
    *,
    task: str | None = None,
    data: Path | None = None,
    labels: Path | None = None,
    architecture: str | None = None,
    allow_pickle: bool = False,
    allow_code: bool = True,
    scratch: Path | None = None,
) -> SourceModel:
    """Open a model as it came.

    Args:
        path_or_spec: a file, a folder, or ``package.module:callable`` that builds a module.
        task: what it is to be used for; None leaves it to the model.
        data: realistic inputs: a folder of pictures, a .txt or .jsonl of texts, a .npy or .npz of tensors.
        labels: a text file with a label a line.
        architecture: of weights without a description; None finds it.
        allow_pickle: whether pickles may be read, each in a process of its own without network.
        allow_code: whether ``package.module:callable`` may be called.
        scratch: a folder for files made on the way; None makes one that lives as long as the source's ``answer``.

    Raises:
        ModelError: it is missing, damaged, unsafe, too large or of no known format; the subclass says which.
        PathEscapeError: it reaches out of its folder.
        UsageError: ``data`` does not fit.

    """
    place = Path(tempfile.mkdtemp(prefix="inhouse-source-")) if scratch is None else scratch
    try:
        request = Request(
            Path(path_or_spec).expanduser(), place, path_or_spec, task, data, labels, architecture, allow_pickle
        )
        source: SourceModel = _opener(request, allow_code=allow_code)(request)
    except BaseException:
        if scratch is None:
            shutil.rmtree(place, ignore_errors=True)
        raise
    if scratch is None:
        owner = getattr(source.answer, "__self__", source.answer)
        weakref.finalize(owner, shutil.rmtree, place, ignore_errors=True)
    return source


def _opener(request: Request, *, allow_code: bool) -> Callable[[Request], Any]:
    path = request.path
    if not path.exists():
        if not _CALLABLE.fullmatch(request.spec):
            raise ModelNotFoundError(f"{path} does not exist.", hint="Check the name, or download the model.")
        if not allow_code:
            raise UsageError(
                f"{request.spec} is code, which is not called here.", hint="Convert it by `inhouse convert`."
            )
        return _module("python_callable")
    start = b""
    if path.is_file():
        with path.open("rb") as file:
            start = file.read(_START)
    found = next((row for row in FORMATS if row.matches(path, start)), None)
    if found is None:
        known = ", ".join(dict.fromkeys(row.example for row in FORMATS))
        raise ModelUnsupportedError(
            f"{path.name} is of no format that is known.", hint=f"Known: {known}, or package.module:callable."
        )
    return _module(found.module)


def _module(name: str) -> Callable[[Request], Any]:
    opener: Callable[[Request], Any] = importlib.import_module(f"inhouse.packs.conversion.sources.{name}").open_source
    return opener
