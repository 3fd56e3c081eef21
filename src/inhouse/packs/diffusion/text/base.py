"""What a text encoder does, whatever its architecture."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from torch import Tensor

    from inhouse.packs.diffusion.text.chunks import Chunk


class Encoded(NamedTuple):
    """What an encoder makes of a prompt.

    Attributes:
        vectors: (1, tokens, width), float32, on the CPU.
        pooled: the whole text as one vector (1, width); None from an encoder that makes none.

    """

    vectors: Tensor
    pooled: Tensor | None


class PromptEncoder(Protocol):
    """One text model with what a prompt needs around it."""

    def tokenize(self, prompt: str) -> list[Chunk]:
        """Return the prompt's weighted tokens in windows of the model's length, at least one."""

    def encode_tokens(self, chunks: list[Chunk]) -> Encoded:
        """Return what the model makes of windows of tokens, at least one."""
