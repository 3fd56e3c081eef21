"""One CLIP text model as an encoder of prompts."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from inhouse.errors import ModelFormatError
from inhouse.packs.diffusion.text.base import Encoded
from inhouse.packs.diffusion.text.chunks import Chunk, chunk, words
from inhouse.packs.diffusion.text.embeddings import Embeddings
from inhouse.packs.diffusion.text.tokenizer import END_TOKEN

if TYPE_CHECKING:
    from torch import Tensor

    from inhouse.packs.diffusion.text_model import TextModel

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ClipEncoder:
    """A CLIP text model with what a prompt needs around it.

    Attributes:
        model: the transformer.
        embeddings: the textual inversions that prompts may name.
        layer: the layer whose output conditions, counted from the end (-1 is the last); None is the family's own.

    """

    model: TextModel
    embeddings: Embeddings = field(default_factory=Embeddings)
    layer: int | None = None

    def tokenize(self, prompt: str) -> list[Chunk]:
        """Return the prompt's weighted tokens in windows of the model's length."""
        spec = self.model.spec

        def vectors(name: str) -> Tensor | None:
            return self.embeddings.vectors(name, encoder=spec.name, width=spec.width)

        return chunk(words(prompt, vectors), length=spec.positions, padding=spec.pad_token)

    def encode_tokens(self, chunks: list[Chunk]) -> Encoded:
        """Return the conditioning (1, tokens, width) and the pooled output (1, projection) of windows of tokens.

        A weight scales a token's vector away from the vector that the empty prompt has at its place. Weights leave
        the pooled output alone; it is the first window's.
        """
        import torch

        weights = torch.tensor([[weight for _, weight in window] for window in chunks])
        weighted = bool((weights != 1).any())
        batch = [*chunks, *self.tokenize("")] if weighted else chunks
        states = self.model.hidden_states(_embed(self.model, batch))
        vectors = self._conditioning(states)
        if weighted:
            vectors, empty = vectors[:-1], vectors[-1:]
            factors = weights.to(vectors)[..., None]
            vectors = torch.where(factors == 1, vectors, empty + (vectors - empty) * factors)
        pooled = self.model.project(self.model.final_norm(states[-1][:1, _end(chunks[0])]))
        # Clones, because nodes may write into what they receive, and the model's own tensors forbid it.
        return Encoded(vectors.flatten(0, 1)[None].clone().cpu(), pooled.clone().cpu())

    def _conditioning(self, states: tuple[Tensor, ...]) -> Tensor:
        """Return the output of the layer that conditions, normed where the family has it so."""
        spec = self.model.spec
        layer = spec.default_layer if self.layer is None else self.layer
        if -layer > spec.layers:
            _log.warning("Text model %s has %d layers; layer %d was asked of it.", spec.name, spec.layers, layer)
            return self.model.final_norm(states[-1])
        hidden = states[spec.layers + 1 + layer]
        return self.model.final_norm(hidden) if spec.normed else hidden


def _embed(model: TextModel, chunks: list[Chunk]) -> Tensor:
    """Return the token embeddings (chunks, tokens, width), rows of textual inversions in their places."""
    import torch

    ids = torch.tensor([[token if isinstance(token, int) else END_TOKEN for token, _ in window] for window in chunks])
    highest, known = int(ids.max()), model.spec.vocabulary
    if highest >= known:
        raise ModelFormatError(
            f"Text model {model.spec.name} knows {known:,} tokens; the prompt has token {highest:,}.",
            hint="Its vocabulary was cut; download the whole model.",
        )
    embedded = model.token_embeddings(ids).clone()
    for row, window in enumerate(chunks):
        for column, (token, _) in enumerate(window):
            if not isinstance(token, int):
                embedded[row, column] = token.to(embedded)
    return embedded


def _end(window: Chunk) -> int:
    """Return the place of the first end token."""
    return next(place for place, (token, _) in enumerate(window) if isinstance(token, int) and token == END_TOKEN)
