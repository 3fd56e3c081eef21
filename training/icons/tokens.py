"""Tokens: CLIP's byte-pair vocabulary, and the small part of it that training uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from inhouse.packs.diffusion.text.tokenizer import END_TOKEN, START_TOKEN, load_tokenizer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import Tensor

SIZE = 49408
UNKNOWN = 2
STRANGER = "\u00a7"
"""A word that no caption uses, standing for all such words."""


def pad(texts: list[str], length: int) -> Tensor:
    """Return (texts, length) tokens: start, text, end, the end repeated; what is too long loses its tail."""
    tokenizer = load_tokenizer()
    rows = torch.full((len(texts), length), END_TOKEN)
    for row, text in zip(rows, texts, strict=True):
        ids = [START_TOKEN, *tokenizer.encode(text)][: length - 1]
        row[: len(ids)] = torch.tensor(ids)
    return rows


class Vocabulary:
    """The tokens that captions use, numbered afresh: 0 start, 1 end and padding, 2 any other, 3... the used ones.

    Training a table of two thousand rows instead of 49,408 saves memory and time; the export spreads it out again, and
    gives each unused token the vector of "any other", which training has taught the model to overlook.
    """

    def __init__(self, phrases: Iterable[str]) -> None:
        tokenizer = load_tokenizer()
        used = {token for phrase in phrases for token in tokenizer.encode(phrase)}
        self.used = sorted(used)
        self.size = len(self.used) + UNKNOWN + 1
        self._compact = torch.full((SIZE,), UNKNOWN)
        self._compact[[START_TOKEN, END_TOKEN]] = torch.tensor([0, 1])
        self._compact[torch.tensor(self.used)] = torch.arange(UNKNOWN + 1, self.size)

    def encode(self, texts: list[str], length: int) -> Tensor:
        """Return (texts, length) compact tokens, the end repeated as padding."""
        return self._compact[pad(texts, length)]

    def spread(self, table: Tensor) -> Tensor:
        """Return the full (49408, width) table for a compact one (size, width)."""
        return table[self._compact]
