"""Text in WebP pictures: EXIF tags that read ``prompt:{...}`` (RIFF container; TIFF 6.0, section 2)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, BinaryIO

from inhouse.compat.json_text import MAX_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_ASCII = 2


def is_webp(start: bytes) -> bool:
    """Whether a file that starts with these twelve bytes is a WebP picture."""
    return start[:4] == b"RIFF" and start[8:12] == b"WEBP"


def read_webp_text(file: BinaryIO, keywords: Iterable[str]) -> dict[str, bytes]:
    """Return the texts that start with one of these keywords and a colon; none if the EXIF data is damaged."""
    found: dict[str, bytes] = {}
    wanted = tuple(keywords)
    for text in _ascii_tags(_exif(file)):
        keyword, colon, rest = text.partition(b":")
        name = keyword.decode("latin-1").lower()
        if colon and name in wanted:
            found.setdefault(name, rest)
    return found


def _exif(file: BinaryIO) -> bytes:
    file.seek(12)
    while len(header := file.read(8)) == 8:
        kind, length = struct.unpack("<4sI", header)
        if kind == b"EXIF":
            data = file.read(min(length, 2 * MAX_BYTES))
            return data[6:] if data[:6] == b"Exif\0\0" else data
        file.seek(length + length % 2, 1)
    return b""


def _ascii_tags(tiff: bytes) -> Iterator[bytes]:
    """Yield the ASCII values of the first directory."""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None or len(tiff) < 8:
        return
    start: int = struct.unpack_from(f"{order}I", tiff, 4)[0]
    if start + 2 > len(tiff):
        return
    count: int = struct.unpack_from(f"{order}H", tiff, start)[0]
    for entry in range(start + 2, min(start + 2 + 12 * count, len(tiff) - 11), 12):
        _, kind, length, place = struct.unpack_from(f"{order}HHII", tiff, entry)
        if kind == _ASCII:
            begin = entry + 8 if length <= 4 else place
            yield tiff[begin : begin + length].rstrip(b"\0")
