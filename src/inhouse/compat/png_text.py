"""Text in PNG pictures: the chunks tEXt, zTXt and iTXt (PNG, third edition, section 11.3.3)."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, BinaryIO

from inhouse.compat.json_text import MAX_BYTES
from inhouse.errors import WorkflowFormatError

if TYPE_CHECKING:
    from collections.abc import Iterable

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_TEXT_CHUNKS = frozenset({b"tEXt", b"zTXt", b"iTXt"})


def read_png_text(file: BinaryIO, keywords: Iterable[str], name: str) -> dict[str, bytes]:
    """Return the texts with these keywords, as UTF-8. Pixels are passed over, damaged ones do not matter.

    Args:
        file: the picture, from its start.
        keywords: which texts are wanted.
        name: what to call the picture in a message.

    Raises:
        WorkflowFormatError: a wanted text is damaged or larger than any workflow.

    """
    wanted = {keyword.encode("latin-1") for keyword in keywords}
    found: dict[str, bytes] = {}
    file.seek(len(SIGNATURE))
    while len(header := file.read(8)) == 8:
        length, kind = struct.unpack(">I4s", header)
        if kind == b"IEND":
            break
        if kind not in _TEXT_CHUNKS:
            file.seek(length + 4, 1)
            continue
        keyword, _, rest = file.read(min(length, MAX_BYTES + 1024)).partition(b"\0")
        if keyword not in wanted:
            file.seek(max(0, length - MAX_BYTES - 1024) + 4, 1)
            continue
        if length > MAX_BYTES + 1024:
            raise _too_large(name, keyword)
        crc = file.read(4)
        if crc != struct.pack(">I", zlib.crc32(kind + keyword + b"\0" + rest)):
            raise WorkflowFormatError(
                f"{name}: the text {keyword.decode('latin-1')!r} in the picture is damaged or cut off.",
                hint="Copy the picture again.",
            )
        found.setdefault(keyword.decode("latin-1"), _text(kind, keyword, rest, name))
    return found


def _text(kind: bytes, keyword: bytes, rest: bytes, name: str) -> bytes:
    if kind == b"tEXt":
        return _as_utf8(rest)
    if kind == b"zTXt":
        return _as_utf8(_inflate(rest[1:], keyword, name))
    compressed, rest = rest[:1] == b"\1", rest[2:]
    text = rest.split(b"\0", 2)[-1]  # a language and a translated keyword stand before it
    return _inflate(text, keyword, name) if compressed else text


def _as_utf8(text: bytes) -> bytes:
    """Return text that should be Latin-1, and often is UTF-8 all the same, as UTF-8."""
    try:
        text.decode()
    except UnicodeDecodeError:
        return text.decode("latin-1").encode()
    return text


def _inflate(data: bytes, keyword: bytes, name: str) -> bytes:
    inflater = zlib.decompressobj()
    try:
        text = inflater.decompress(data, MAX_BYTES + 1)
    except zlib.error as error:
        raise WorkflowFormatError(f"{name}: the text {keyword.decode('latin-1')!r} is damaged: {error}.") from error
    if len(text) > MAX_BYTES:
        raise _too_large(name, keyword)
    return text


def _too_large(name: str, keyword: bytes) -> WorkflowFormatError:
    return WorkflowFormatError(
        f"{name}: the text {keyword.decode('latin-1')!r} has more than the {MAX_BYTES:,} bytes allowed.",
        hint="No workflow is that large; take the workflow from another file.",
    )
