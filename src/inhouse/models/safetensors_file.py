"""Safe, lazy reading of .safetensors: the header is checked whole before any number in it is trusted.

The format (https://github.com/huggingface/safetensors): 8 bytes, little-endian, the header's length N; N bytes of JSON,
``name -> {dtype, shape, data_offsets}``; then the tensors' bytes, without holes.
"""

from __future__ import annotations

import json
import math
import mmap
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, NoReturn, Self

from inhouse.errors import ModelFormatError
from inhouse.models.formats import foreign_format, read_start

DTYPE_BITS: Mapping[str, int] = MappingProxyType(
    {
        "BOOL": 8, "U8": 8, "I8": 8, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
        "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32,
        "I64": 64, "U64": 64, "F64": 64, "C64": 64, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
    }
)  # fmt: skip
"""Bits an element, for each type that the format knows."""

MAX_HEADER_BYTES = 100_000_000
"""The format's own limit."""

_MAX_RANK = 16


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """Where a tensor lies in its file, and what it is.

    Attributes:
        name: its name in the file.
        dtype: a key of `DTYPE_BITS`.
        shape: its shape, () for a scalar.
        start: offset of its first byte in the file.
        nbytes: its size in the file.

    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    nbytes: int

    @property
    def elements(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)


@dataclass(frozen=True, slots=True)
class SafetensorsFile:
    """A checked header. No tensor has been read.

    Attributes:
        path: the file.
        tensors: name -> place, in the order of the header.
        metadata: what ``__metadata__`` says.

    """

    path: Path
    tensors: Mapping[str, TensorInfo]
    metadata: Mapping[str, str]

    def reader(self) -> TensorReader:
        """Open the file to read tensors from it; a context manager."""
        return TensorReader(self)

    def mapped(self) -> MappedTensors:
        """Map the file into memory.

        Raises:
            ModelFormatError: the file got shorter since its header was read, or cannot be mapped.

        """
        return MappedTensors(self)


class MappedTensors:
    """A file's bytes as memory that is filled from the disk when it is touched, and costs nothing until then.

    The mapping is private: what is written to it stays in this process. Its pages are the page cache's own, which the
    kernel takes back when memory is short. It ends when nothing refers to it, or to a part of it, any more.

    Whoever replaces the file must write a new one in its place, as downloads do; one cut short in place ends the
    process when a page beyond its end is touched.
    """

    def __init__(self, file: SafetensorsFile) -> None:
        self.file = file
        try:
            with file.path.open("rb") as stream:
                self._map = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_COPY)
        except (OSError, ValueError) as error:
            _refuse(file.path, f"it cannot be mapped into memory ({error})", "Is something writing to it?")
        if len(self._map) < max((info.start + info.nbytes for info in file.tensors.values()), default=0):
            _refuse(file.path, "it was cut short after its header was read", "Is something writing to it?")

    def bytes(self, name: str) -> memoryview:
        """Return a tensor's bytes, writable."""
        info = self.file.tensors[name]
        return memoryview(self._map)[info.start : info.start + info.nbytes]

    def fetch(self, names: Iterable[str]) -> None:
        """Have some tensors' pages ready in one go rather than at a fault each."""
        for start, end in _runs(self.file.tensors[name] for name in names):
            try:
                self._advise(_POPULATE_READ, start, end)
            except OSError:  # kernels before 5.14
                self._advise(mmap.MADV_WILLNEED, start, end)

    def drop(self, name: str) -> None:
        """Give a tensor's pages back; whoever touches it again finds what the file has, not what was written to it."""
        info = self.file.tensors[name]
        self._advise(_DONT_NEED, info.start, info.start + info.nbytes)

    def _advise(self, advice: int | None, start: int, end: int) -> None:
        first = start // mmap.PAGESIZE * mmap.PAGESIZE
        if advice is not None and end > first:
            self._map.madvise(advice, first, end - first)


_POPULATE_READ = 22 if sys.platform == "linux" else None
"""Linux's MADV_POPULATE_READ, which Python has no name for."""
_DONT_NEED: int | None = getattr(mmap, "MADV_DONTNEED", None)


def _runs(infos: Iterable[TensorInfo]) -> list[tuple[int, int]]:
    """Return the stretches (start, end) of a file that tensors take together."""
    runs: list[tuple[int, int]] = []
    for info in sorted(infos, key=lambda info: info.start):
        if runs and info.start <= runs[-1][1]:
            runs[-1] = runs[-1][0], max(runs[-1][1], info.start + info.nbytes)
        else:
            runs.append((info.start, info.start + info.nbytes))
    return runs


class TensorReader:
    """Reads the bytes of one tensor at a time, straight into the caller's memory: for what is small, or read once."""

    def __init__(self, file: SafetensorsFile) -> None:
        self.file = file
        self._stream = file.path.open("rb", buffering=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def read_into(self, name: str, buffer: memoryview) -> None:
        """Fill ``buffer``, of exactly the tensor's size, with its bytes.

        Raises:
            ModelFormatError: the file got shorter since its header was read.

        """
        info = self.file.tensors[name]
        view = buffer.cast("B")
        if len(view) != info.nbytes:
            raise ValueError(f"The buffer has {len(view)} bytes, tensor {name!r} has {info.nbytes}.")
        self._stream.seek(info.start)
        done = 0
        while done < len(view):
            count = self._stream.readinto(view[done:])
            if not count:
                _refuse(self.file.path, "it was cut short while it was being read", "Is something writing to it?")
            done += count


def open_safetensors(path: Path) -> SafetensorsFile:
    """Read and check the header of a .safetensors file.

    Raises:
        ModelFormatError: the file is cut short, corrupt, or something else under this name.
        UnsafeModelError: the file is a pickle under this name.

    """
    size, start = read_start(path)
    length = int.from_bytes(start[:8], "little")
    plausible = len(start) > 8 and start[8:9] == b"{" and length <= MAX_HEADER_BYTES
    if not plausible:
        foreign_format(path, start)
        _refuse(path, "it does not begin with a safetensors header")
    if length > size - 8:
        _refuse(path, f"it is cut short: its header alone has {length} bytes, the file {size}")
    with path.open("rb") as stream:
        stream.seek(8)
        header = _parse(path, stream.read(length))
    metadata = _metadata(path, header.pop("__metadata__", {}))
    tensors = {name: _tensor(path, name, entry, 8 + length) for name, entry in header.items()}
    _check_layout(path, tensors, start=8 + length, end=size)
    return SafetensorsFile(path, MappingProxyType(tensors), MappingProxyType(metadata))


def _refuse(path: Path, problem: str, hint: str = "Download or export it again.") -> NoReturn:
    raise ModelFormatError(f"{path.name}: not a sound .safetensors file: {problem}.", hint=hint)


def _parse(path: Path, raw: bytes) -> dict[str, Any]:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        entries = dict(pairs)
        if len(entries) != len(pairs):
            raise ValueError("a name occurs twice")
        return entries

    try:  # it begins with a brace, so it is an object if it is anything
        header: dict[str, Any] = json.loads(raw.decode("utf-8"), object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        _refuse(path, f"its header is no valid JSON ({str(error)[:100]})")
    return header


def _metadata(path: Path, entries: object) -> dict[str, str]:
    if not isinstance(entries, dict) or not all(isinstance(value, str) for value in entries.values()):
        _refuse(path, "its __metadata__ is no map of texts")
    return entries


def _tensor(path: Path, name: str, entry: object, data_start: int) -> TensorInfo:
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        _refuse(path, f"the entry of tensor {name[:100]!r} is malformed")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPE_BITS:
        _refuse(
            path, f"tensor {name[:100]!r} has the unknown type {str(dtype)[:20]!r}", "Update Inhouse, or convert it."
        )
    if not _naturals(shape) or len(shape) > _MAX_RANK or not _naturals(offsets) or len(offsets) != 2:
        _refuse(path, f"the shape or the place of tensor {name[:100]!r} is malformed")
    nbytes = offsets[1] - offsets[0]
    if math.prod(shape) * DTYPE_BITS[dtype] != nbytes * 8:
        _refuse(path, f"tensor {name[:100]!r} of type {dtype} and shape {shape} cannot have {nbytes} bytes")
    return TensorInfo(name, dtype, tuple(shape), data_start + offsets[0], nbytes)


def _naturals(values: object) -> bool:
    """Whether it is a list of integers from 0 to 2^63 - 1, none of them a boolean."""
    return isinstance(values, list) and all(type(value) is int and 0 <= value < 2**63 for value in values)


def _check_layout(path: Path, tensors: Mapping[str, TensorInfo], *, start: int, end: int) -> None:
    """Refuse tensors that overlap, leave holes or reach beyond the file; all three are ways to hide something."""
    position = start
    for info in sorted(tensors.values(), key=lambda info: (info.start, info.nbytes)):
        if info.start != position:
            problem = "overlaps another" if info.start < position else "lies behind a hole"
            _refuse(path, f"tensor {info.name[:100]!r} {problem}")
        position += info.nbytes
    if position > end:
        _refuse(
            path, f"it is cut short: {end} of {position} bytes are there", "The download was interrupted; resume it."
        )
    if position < end:
        _refuse(path, f"{end - position} bytes follow the last tensor")
