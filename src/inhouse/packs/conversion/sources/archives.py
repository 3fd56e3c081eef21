"""Zip archives that torch writes: looked through before torch opens them."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from inhouse.backends.memory import Memory
from inhouse.errors import ModelFormatError, UnsafeModelError
from inhouse.models.formats import foreign_format, read_start
from inhouse.packs.conversion.sources.request import must_fit

_MOST_MEMBERS = 100_000
_MOST_RATIO = 1000
_MOST_TEXT = 500_000_000
_EXPRESSION = re.compile(r"[\w\s+\-*/%(),.<>=~&|]*")
_WORDS = re.compile(r"[A-Za-z_]\w*")
_SYMBOL = re.compile(r"(?:s|u|zuf|zf|f)\d+")
_DECLARED = re.compile(r"Symbol\('(\w+)'(?:, \w+=(?:True|False))*\)")
_FUNCTIONS = frozenset(
    {
        "Abs", "And", "CeilDiv", "CeilToInt", "CleanDiv", "Eq", "False", "FloatPow", "FloatTrueDiv", "FloorDiv",
        "FloorToInt", "Ge", "Gt", "Identity", "Integer", "IntTrueDiv", "Le", "Lt", "Max", "Min", "Mod", "Ne", "Not",
        "Or", "PowByNatural", "PythonMod", "ToFloat", "True", "TruncToInt", "Where", "floor", "int_oo", "oo",
    }
)  # fmt: skip
"""What torch writes sizes with (torch.utils._sympy.functions)."""
_DANGEROUS = re.compile(r"from_file|torch\.save|torch\.load|__builtin|prim\.PythonOp|\bopen\(")
"""Operations of TorchScript that reach files, or leave it."""


def open_archive(path: Path, memory: Memory) -> zipfile.ZipFile:
    """Open an archive whose members are no larger than they should be, and stay where they are.

    Raises:
        ModelFormatError: it is damaged, or a trick.
        ModelTooLargeError: its content does not fit into memory.

    """
    _, start = read_start(path)
    try:
        archive = zipfile.ZipFile(path)
        members = archive.infolist()
    except (OSError, zipfile.BadZipFile, ValueError) as error:
        if not start.startswith((b"PK", b"\x80")):
            foreign_format(path, start)
        raise ModelFormatError(
            f"{path.name} is no archive of torch, or was cut short.", hint="Save it again."
        ) from error
    names = [PurePosixPath(member.filename) for member in members]
    packed = sum(member.compress_size for member in members)
    whole = sum(member.file_size for member in members)
    tricky = (
        len(members) > _MOST_MEMBERS
        or len(set(names)) != len(names)
        or any(name.is_absolute() or ".." in name.parts for name in names)
        or whole > max(packed, 1) * _MOST_RATIO
    )
    if tricky:
        archive.close()
        raise ModelFormatError(f"{path.name} is an archive that torch did not write.", hint="Save it again.")
    must_fit(whole, path.name, memory)
    return archive


def check_program(path: Path, memory: Memory) -> None:
    """Look through a program of torch.export: no pickled objects, and sizes that are sizes.

    torch hands expressions of sizes to a parser that evaluates Python, and unpickles constants that are no tensors.

    Raises:
        UnsafeModelError: it holds something that could run code.
        ModelFormatError: it is damaged.

    """
    with open_archive(path, memory) as archive:
        for member in archive.infolist():
            name = PurePosixPath(member.filename).name
            if "custom_obj" in name or "opaque" in name:
                raise _unsafe(path, "an object that is no tensor")
            if name.endswith(".json"):
                _check_json(path, _json(path, archive, member))


def _check_json(path: Path, data: Any) -> None:
    for name, value in _pairs(data):
        if name == "use_pickle" and value:
            raise _unsafe(path, "a pickled tensor")
        if name == "expr_str" and not _plain(str(value)):
            raise _unsafe(path, f"{str(value)[:60]!r} for a size")


def _plain(expression: str) -> bool:
    expression = _DECLARED.sub(r"\1", expression)
    words = _WORDS.findall(expression)
    return bool(_EXPRESSION.fullmatch(expression)) and all(w in _FUNCTIONS or _SYMBOL.fullmatch(w) for w in words)


def _pairs(data: Any) -> Iterator[tuple[str, Any]]:
    """Yield each name with its value, however deep."""
    waiting = [data]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            yield from item.items()
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item


def check_script(path: Path, memory: Memory) -> None:
    """Look through the code of a TorchScript archive: it can reach files.

    Raises:
        UnsafeModelError: it does.
        ModelFormatError: it is damaged.

    """
    with open_archive(path, memory) as archive:
        code = [member for member in archive.infolist() if "/code/" in member.filename]
        if not code:
            raise ModelFormatError(f"{path.name} holds no TorchScript.", hint="Save it with torch.jit.save.")
        for member in code:
            if member.filename.endswith(".py") and (found := _DANGEROUS.search(_text(path, archive, member))):
                raise _unsafe(path, found[0])


def _json(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Any:
    try:
        return json.loads(_text(path, archive, member))
    except (ValueError, RecursionError) as error:
        raise ModelFormatError(f"{path.name} is damaged.", hint="Save it again.") from error


def _text(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> str:
    if member.file_size > _MOST_TEXT:
        raise ModelFormatError(f"{path.name} is an archive that torch did not write.", hint="Save it again.")
    try:
        return archive.read(member).decode("utf-8", errors="replace")
    except (OSError, zipfile.BadZipFile, RuntimeError, ValueError, EOFError, NotImplementedError) as error:
        raise ModelFormatError(f"{path.name} is damaged.", hint="Save it again.") from error


def _unsafe(path: Path, what: str) -> UnsafeModelError:
    return UnsafeModelError(
        f"{path.name} holds {what}, which could run code or reach files.",
        hint="Save the model again without it, or give it as package.module:callable.",
    )
