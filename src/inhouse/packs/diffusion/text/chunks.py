"""Lay the tokens of a prompt out in windows of the text model's length, so that a prompt may be of any length."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from inhouse.packs.diffusion.text.embeddings import PREFIX
from inhouse.packs.diffusion.text.prompt import parse
from inhouse.packs.diffusion.text.tokenizer import END_TOKEN, START_TOKEN, load_tokenizer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from torch import Tensor

Token: TypeAlias = "int | Tensor"  # noqa: S105 - a word's, not a secret
"""A token id, or one row (width,) of a textual inversion that stands in its place."""
WeightedToken: TypeAlias = "tuple[Token, float]"
Chunk: TypeAlias = "list[WeightedToken]"
"""One window: start, up to 75 tokens, end, padding."""

_PUNCTUATION = ",.;:!?"


def words(prompt: str, vectors: Callable[[str], Tensor | None]) -> Iterator[list[WeightedToken]]:
    """Yield the weighted tokens of each word of a prompt.

    A word ``embedding:name`` yields that textual inversion's rows, and nothing where ``vectors`` knows none;
    punctuation behind the name is text.

    Args:
        prompt: a prompt with weights.
        vectors: name of a textual inversion to its rows (n, width), or None.

    """
    tokenizer = load_tokenizer()
    for segment in parse(prompt):
        for word in segment.text.split():
            text, rows = word, None
            if word.startswith(PREFIX):
                name = word.removeprefix(PREFIX).rstrip(_PUNCTUATION)
                rows = vectors(name)
                text = word.removeprefix(PREFIX + name)
            if rows is not None:
                yield [(row, segment.weight) for row in rows]
            if text:
                yield [(token, segment.weight) for token in tokenizer.encode(text)]


def chunk(tokens: Iterable[list[WeightedToken]], *, length: int, padding: int) -> list[Chunk]:
    """Fill windows of ``length`` tokens, the first and last of which frame the text.

    A word that does not fit into the rest of a window opens the next one; only a word longer than a whole window is
    split.

    Args:
        tokens: the weighted tokens, word by word.
        length: tokens in a window, frame included; 77 for CLIP.
        padding: the token that fills what is left.

    Returns:
        At least one window.

    """
    room = length - 2
    bodies: list[list[WeightedToken]] = [[]]
    for word in tokens:
        rest = word
        if len(bodies[-1]) + len(rest) > room and len(rest) <= room:
            bodies.append([])
        while rest:
            if len(bodies[-1]) == room:
                bodies.append([])
            free = room - len(bodies[-1])
            bodies[-1].extend(rest[:free])
            rest = rest[free:]
    return [_framed(body, length, padding) for body in bodies]


def _framed(body: list[WeightedToken], length: int, padding: int) -> Chunk:
    framed = [(START_TOKEN, 1.0), *body, (END_TOKEN, 1.0)]
    return [*framed, *[(padding, 1.0)] * (length - len(framed))]
