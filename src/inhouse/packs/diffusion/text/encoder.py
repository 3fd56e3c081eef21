"""Conditioning from a prompt: what a ``CLIP`` wire carries."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from inhouse.packs.diffusion.text.chunks import Chunk, chunk, words
from inhouse.packs.diffusion.text.embeddings import Embeddings
from inhouse.packs.diffusion.text.tokenizer import END_TOKEN

if TYPE_CHECKING:
    from torch import Tensor

    from inhouse.packs.diffusion.conditioning import Conditioning
    from inhouse.packs.diffusion.text_model import TextModel

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TextEncoder:
    """A text model with what a prompt needs around it. Cheap to clone; nothing is shared but weights.

    Attributes:
        model: the transformer.
        embeddings: the textual inversions that prompts may name.
        layer: the layer whose output conditions, counted from the end (-1 is the last); None is the family's own.

    """

    model: TextModel
    embeddings: Embeddings = field(default_factory=Embeddings)
    layer: int | None = None

    def with_layer(self, layer: int) -> TextEncoder:
        """Return an encoder that stops at a layer, -1 (the last) .. -24, which is known as CLIP skip."""
        return replace(self, layer=layer)

    def with_model(self, model: TextModel) -> TextEncoder:
        """Return an encoder with the same settings around another text model."""
        return replace(self, model=model)

    def tokenize(self, prompt: str) -> list[Chunk]:
        """Return the prompt's weighted tokens in windows of the model's length."""
        spec = self.model.spec

        def vectors(name: str) -> Tensor | None:
            return self.embeddings.vectors(name, encoder=spec.name, width=spec.width)

        return chunk(words(prompt, vectors), length=spec.positions, padding=spec.pad_token)

    def encode_tokens(self, chunks: list[Chunk]) -> tuple[Tensor, Tensor]:
        """Return the conditioning (1, tokens, width) and the pooled output (1, projection) of windows of tokens.

        A weight scales a token's vector away from the vector that the empty prompt has at its place. Weights leave
        the pooled output alone; it is the first window's.
        """
        import torch

        weights = torch.tensor([[weight for _, weight in window] for window in chunks])
        weighted = bool((weights != 1).any())
        batch = [*chunks, *self.tokenize("")] if weighted else chunks
        states = self.model.hidden_states(_embed(self.model, batch))
        vectors = self.model.final_norm(states[self._depth()])
        if weighted:
            vectors, empty = vectors[:-1], vectors[-1:]
            factors = weights.to(vectors)[..., None]
            vectors = torch.where(factors == 1, vectors, empty + (vectors - empty) * factors)
        pooled = self.model.project(self.model.final_norm(states[-1][:1, _end(chunks[0])]))
        # Clones, because nodes may write into what they receive, and the model's own tensors forbid it.
        return vectors.flatten(0, 1)[None].clone().cpu(), pooled.clone().cpu()

    def encode(self, prompt: str) -> Conditioning:
        """Return a prompt's conditioning."""
        vectors, pooled = self.encode_tokens(self.tokenize(prompt))
        return [[vectors, {"pooled_output": pooled}]]

    def _depth(self) -> int:
        """Return the number of the layer that conditions, 1 .. layers."""
        spec = self.model.spec
        layer = spec.default_layer if self.layer is None else self.layer
        if -layer > spec.layers:
            _log.warning("Text model %s has %d layers; layer %d was asked of it.", spec.name, spec.layers, layer)
            return spec.layers
        return spec.layers + 1 + layer


def _embed(model: TextModel, chunks: list[Chunk]) -> Tensor:
    """Return the token embeddings (chunks, tokens, width), rows of textual inversions in their places."""
    import torch

    ids = torch.tensor([[token if isinstance(token, int) else END_TOKEN for token, _ in window] for window in chunks])
    embedded = model.token_embeddings(ids).clone()
    for row, window in enumerate(chunks):
        for column, (token, _) in enumerate(window):
            if not isinstance(token, int):
                embedded[row, column] = token.to(embedded)
    return embedded


def _end(window: Chunk) -> int:
    """Return the place of the first end token."""
    return next(place for place, (token, _) in enumerate(window) if isinstance(token, int) and token == END_TOKEN)
