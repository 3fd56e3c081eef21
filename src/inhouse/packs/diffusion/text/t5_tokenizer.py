"""T5's tokenizer: SentencePiece's unigram model (Kudo 2018, https://arxiv.org/abs/1804.10959), read from a file.

Its vocabulary is in no package; it comes with the model, as ``tokenizer.json`` or ``spiece.model``, or lies among the
text encoders as ``t5_tokenizer.json``.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from inhouse.errors import ModelFormatError, ModelNotFoundError

if TYPE_CHECKING:
    from tokenizers import Tokenizer as Backend

END_TOKEN, PAD_TOKEN = 1, 0
"""Closes a text; fills what is left."""

_FILES = ("tokenizer.json", "spiece.model")
_OWN_NAME = "t5_tokenizer.json"
_FOLDERS = ("text_encoders", "clip")
_LARGEST = 50_000_000


def find_tokenizer(model: Path) -> Path | None:
    """Return the tokenizer's file that goes with a model file, None where there is none.

    Args:
        model: the file with T5's weights: in a diffusers folder, whose ``tokenizer_2`` or ``tokenizer_3`` is its own,
            or anywhere below the folder that ``text_encoders`` is in.

    """
    number = model.parent.name.rpartition("_")[2]
    if model.parent.name.startswith("text_encoder"):
        folder = model.parent.parent / f"tokenizer_{number}"
        if found := _existing(folder / name for name in _FILES):
            return found
    near = [model.parent, *model.parent.parents][:4]
    places = (folder / inner / _OWN_NAME for folder in near for inner in ("", *_FOLDERS))
    return _existing(places)


def _existing(places: Iterator[Path]) -> Path | None:
    return next((place for place in places if place.is_file()), None)


class T5Tokenizer:
    """Text to T5's token ids. Stateless once made."""

    def __init__(self, path: Path) -> None:
        self._backend = _backend(path)

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text, without the end's and padding.

        Kind and amount of white space make no difference. Half a surrogate pair is read as U+FFFD.
        """
        whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return list(self._backend.encode(" ".join(whole.split()), add_special_tokens=False).ids)


def load_tokenizer(path: Path | None) -> T5Tokenizer:
    """Return the tokenizer of a file, made once a file.

    Raises:
        ModelNotFoundError: there is no file.
        ModelFormatError: it is no tokenizer.

    """
    if path is None:
        raise ModelNotFoundError(
            "T5's tokenizer is missing; model files do not carry it.",
            hint="Put the tokenizer.json of google/t5-v1_1-xxl among the text encoders, named t5_tokenizer.json.",
        )
    return _cached(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=4)
def _cached(path: Path, changed: int) -> T5Tokenizer:
    del changed
    return T5Tokenizer(path)


def _backend(path: Path) -> Backend:
    from tokenizers import Tokenizer as Backend

    if path.stat().st_size > _LARGEST:
        raise _unusable(path)
    try:
        backend = Backend.from_str(path.read_text("utf-8")) if path.suffix == ".json" else _sentencepiece(path)
    except Exception as error:  # the library raises nothing narrower
        raise _unusable(path) from error
    backend.no_padding()
    backend.no_truncation()
    return backend


def _unusable(path: Path) -> ModelFormatError:
    return ModelFormatError(f"{path.name} is no tokenizer of T5.", hint="Download it again.")


def _sentencepiece(path: Path) -> Backend:
    """Read SentencePiece's own file: pieces with scores, and a compiled normalisation."""
    from tokenizers import Tokenizer as Backend
    from tokenizers import models, normalizers, pre_tokenizers

    pieces: list[tuple[str, float]] = []
    normalisation = b""
    for number, value in _fields(path.read_bytes()):
        if number == 1:
            piece = dict(_fields(value))
            pieces.append((piece[1].decode(), struct.unpack("<f", piece.get(2, bytes(4)))[0]))
        elif number == 3:
            normalisation = dict(_fields(value)).get(2, b"")
    extra = [(f"<extra_id_{number}>", 0.0) for number in reversed(range(100))]
    unknown = next(place for place, (piece, _) in enumerate(pieces) if piece == "<unk>")
    backend = Backend(models.Unigram([*pieces, *extra], unknown, byte_fallback=False))
    if normalisation:
        backend.normalizer = normalizers.Precompiled(normalisation)
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")]
    )
    return backend


def _fields(raw: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield number and bytes of each field of a protocol buffer that has a length or 32 bits; numbers are skipped.

    https://protobuf.dev/programming-guides/encoding/
    """
    place = 0

    def varint() -> int:
        nonlocal place
        value = shift = 0
        while True:
            byte = raw[place]
            place += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while place < len(raw):
        key = varint()
        kind = key & 7
        if kind == 0:
            varint()
            continue
        length = {1: 8, 5: 4}.get(kind) or varint()
        yield key >> 3, raw[place : place + length]
        place += length
