"""CLIP's byte-level BPE tokenizer (Radford et al. 2021; vocabulary from OpenAI's CLIP, MIT)."""

from __future__ import annotations

import gzip
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokenizers import Tokenizer as Backend

START_TOKEN = 49406
"""Opens each window."""
END_TOKEN = 49407
"""Closes the text of each window; CLIP reads the meaning of the whole text off its position."""

_PATTERN = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
_WORD_END = "</w>"


class Tokenizer:
    """Text to CLIP's token ids. Stateless once made; making one takes some 70 ms."""

    def __init__(self) -> None:
        self._backend = _backend()

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text, 0..49407, without start, end and padding.

        Case, kind and amount of white space make no difference. Half a surrogate pair, which JSON can carry, is read as
        U+FFFD.
        """
        whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return list(self._backend.encode(whole, add_special_tokens=False).ids)


@cache
def load_tokenizer() -> Tokenizer:
    """Return the tokenizer, made once a process."""
    return Tokenizer()


def _backend() -> Backend:
    from tokenizers import Regex, models, normalizers, pre_tokenizers
    from tokenizers import Tokenizer as Backend

    merges = _merges()
    vocabulary = {token: number for number, token in enumerate(_tokens(merges))}
    model = models.BPE(vocabulary, merges, continuing_subword_prefix="", end_of_word_suffix=_WORD_END)
    backend = Backend(model)
    backend.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_PATTERN), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    backend.add_special_tokens(["<|startoftext|>", "<|endoftext|>"])
    return backend


def _merges() -> list[tuple[str, str]]:
    """Read the merges that ship with this package, the most frequent first."""
    data = resources.files(__package__).joinpath("merges.txt.gz").read_bytes()
    pairs = (line.split(" ", 1) for line in gzip.decompress(data).decode().splitlines())
    return [(left, right) for left, right in pairs]


def _tokens(merges: list[tuple[str, str]]) -> list[str]:
    """Return every token in the order of its id: bytes, bytes that end a word, merges, the two specials."""
    symbols = [_symbol(byte) for byte in sorted(range(256), key=lambda byte: (not _printable(byte), byte))]
    return [
        *symbols,
        *(symbol + _WORD_END for symbol in symbols),
        *(left + right for left, right in merges),
        "<|startoftext|>",
        "<|endoftext|>",
    ]


def _printable(byte: int) -> bool:
    return ord("!") <= byte <= ord("~") or ord("¡") <= byte <= ord("¬") or ord("®") <= byte <= ord("ÿ")


def _symbol(byte: int) -> str:
    """Return the character that byte-level BPE writes for a byte (GPT-2's table, which avoids white space)."""
    if _printable(byte):
        return chr(byte)
    return chr(256 + sum(not _printable(lower) for lower in range(byte)))
