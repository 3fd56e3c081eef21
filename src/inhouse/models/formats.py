"""Which format a model file really has, whatever its name says; and the formats that are never opened.

A pickle runs code of its author's choice when it is loaded, so none is ever loaded here.
"""

from __future__ import annotations

import stat
from pathlib import Path
from typing import TYPE_CHECKING

from inhouse.errors import ModelFormatError, ModelNotFoundError, UnsafeModelError

if TYPE_CHECKING:
    from inhouse.models.safetensors_file import SafetensorsFile

PICKLE_SUFFIXES = frozenset({".ckpt", ".pt", ".pt2", ".pth", ".bin", ".pkl"})
"""Names under which pickles travel."""

MODEL_SUFFIXES = PICKLE_SUFFIXES | {".safetensors", ".sft"}
"""Names under which models travel."""

_START_BYTES = 512

_SIGNATURES = (
    (b"GGUF", "a GGUF file"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"\x89PNG", "a PNG picture"),
)


def open_model(path: Path) -> SafetensorsFile:
    """Open a model file: check its header, read none of its tensors.

    Raises:
        ModelNotFoundError: there is no such file.
        UnsafeModelError: it is a pickle, by its name or by its content.
        ModelFormatError: it is corrupt, or no model.

    """
    from inhouse.models.safetensors_file import open_safetensors

    if path.suffix.lower() in PICKLE_SUFFIXES:
        refuse_pickle(path)
    return open_safetensors(path)


def refuse_pickle(path: Path) -> None:
    """Say why a pickle is not loaded, and how to convert it once.

    Raises:
        UnsafeModelError: always.

    """
    target = path.with_suffix(".safetensors").name
    raise UnsafeModelError(
        f"{path.name} is a pickle: loading it could run code that somebody hid in it, so Inhouse never does.",
        hint=(
            "Get the model as .safetensors. Or convert it once, where torch is installed; `weights_only` refuses code: "
            f'python -c "import sys, torch, safetensors.torch as s; d = torch.load(sys.argv[1], weights_only=True, '
            "map_location='cpu'); d = d.get('state_dict', d.get('string_to_param', d)); "
            "s.save_file({k: v.clone().contiguous() for k, v in "
            f'd.items() if torch.is_tensor(v)}}, sys.argv[2])" {path.name} {target}'
        ),
    )


def read_start(path: Path) -> tuple[int, bytes]:
    """Return a regular file's size and its first 512 bytes.

    Raises:
        ModelNotFoundError: there is no such file.
        ModelFormatError: it is a folder, a device or unreadable.

    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise ModelFormatError(f"{path.name} is no file but a folder or a device.", hint="Choose a model file.")
        with path.open("rb") as stream:
            return status.st_size, stream.read(_START_BYTES)
    except FileNotFoundError:
        raise ModelNotFoundError(f"{path} does not exist.", hint="Check the name, or download the model.") from None
    except OSError as error:
        raise ModelFormatError(f"{path} cannot be read: {error.strerror}.", hint="Check its permissions.") from error


def foreign_format(path: Path, start: bytes) -> None:
    """Say what a file is that was taken for .safetensors; return if its first bytes tell nothing.

    Raises:
        UnsafeModelError: it is a pickle.
        ModelFormatError: it is something else that is known.

    """
    if start.startswith(b"PK\x03\x04") or (start[:1] == b"\x80" and start[1:2] in b"\x02\x03\x04\x05" and start[1:2]):
        refuse_pickle(path)
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not start:
        _refuse(path, "is empty", "The download failed; start it again.")
    if text.startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        _refuse(path, "is a web page", "The download link led to a page, perhaps a login; download the file itself.")
    if text.startswith(b"version https://git-lfs"):
        _refuse(path, "is a git-lfs pointer, not the model it points to", "Run `git lfs pull` in its repository.")
    if text.startswith((b"{", b"[")) and b'"' in text:
        _refuse(path, "is a JSON text", "Perhaps a download's error message; open it in an editor, download again.")
    for signature, name in _SIGNATURES:
        if start.startswith(signature):
            _refuse(path, f"is {name}", "Choose the model as .safetensors.")


def _refuse(path: Path, what: str, hint: str) -> None:
    raise ModelFormatError(f"{path.name} {what}.", hint=hint)
