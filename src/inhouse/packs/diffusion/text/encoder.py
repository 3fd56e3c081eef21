"""Conditioning from a prompt: what a ``CLIP`` wire carries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

from inhouse.errors import NodeInputError
from inhouse.packs.diffusion.text.embeddings import Embeddings

if TYPE_CHECKING:
    from inhouse.packs.diffusion.conditioning import Conditioning
    from inhouse.packs.diffusion.text.base import Encoded, PromptEncoder
    from inhouse.packs.diffusion.text.chunks import Chunk
    from inhouse.packs.diffusion.text_model import TextModels

Tokens: TypeAlias = "dict[str, list[Chunk]]"
"""An encoder's short name -> windows of weighted tokens."""


@dataclass(frozen=True)
class TextEncoder:
    """A family's text models with what a prompt needs around them. Cheap to clone; nothing is shared but weights.

    Attributes:
        models: the text models.
        embeddings: the textual inversions that prompts may name.
        layer: the layer whose output conditions, counted from the end (-1 is the last); None is the family's own.

    """

    models: TextModels
    embeddings: Embeddings = field(default_factory=Embeddings)
    layer: int | None = None

    @cached_property
    def parts(self) -> Mapping[str, PromptEncoder]:
        """The text encoders by their short names: ``l``, ``g``, ``h``, ``t5xxl``."""
        return {name: model.encoder(self.embeddings, self.layer) for name, model in self.models.parts.items()}

    def with_layer(self, layer: int) -> TextEncoder:
        """Return an encoder that stops at a layer, -1 (the last) .. -24, which is known as CLIP skip."""
        return replace(self, layer=layer)

    def with_models(self, models: TextModels) -> TextEncoder:
        """Return an encoder with the same settings around other text models."""
        return replace(self, models=models)

    def tokenize(self, prompt: str) -> Tokens:
        """Return the prompt's weighted tokens for each encoder."""
        return self.tokenize_each(dict.fromkeys(self.parts, prompt))

    def tokenize_each(self, prompts: Mapping[str, str]) -> Tokens:
        """Return the weighted tokens of a prompt for each encoder, encoders without one left out."""
        return {name: part.tokenize(prompts[name]) for name, part in self.parts.items() if name in prompts}

    def encode_tokens(self, tokens: Mapping[str, list[Chunk]]) -> Encoded:
        """Return what the family makes of windows of tokens; encoders without any say nothing."""
        encoded = {
            name: self.parts[name].encode_tokens(chunks) for name, chunks in self._levelled(tokens).items() if chunks
        }
        return self.models.joiner.join(encoded)

    def encode_from_tokens(
        self,
        tokens: Mapping[str, list[Chunk]],
        return_pooled: bool = False,  # noqa: FBT001, FBT002 - packs call it so
        return_dict: bool = False,  # noqa: FBT001, FBT002 - as above
    ) -> Any:
        """Return what custom ComfyUI packs ask for: the vectors, with the pooled output or in a mapping if asked."""
        vectors, pooled = self.encode_tokens(tokens)
        if return_dict:
            return {"cond": vectors, "pooled_output": pooled}
        return (vectors, pooled) if return_pooled else vectors

    def encode_from_tokens_scheduled(
        self,
        tokens: Mapping[str, list[Chunk]],
        unprojected: bool = False,  # noqa: ARG002, FBT001, FBT002 - as above
        add_dict: Mapping[str, Any] | None = None,
        show_pbar: bool = True,  # noqa: ARG002, FBT001, FBT002 - as above
    ) -> Conditioning:
        """Return the conditioning of tokens, with more options, as custom ComfyUI packs ask for it."""
        vectors, pooled = self.encode_tokens(tokens)
        return [[vectors, {"pooled_output": pooled, **(add_dict or {})}]]

    def encode(self, prompt: str, **options: object) -> Conditioning:
        """Return a prompt's conditioning, with options of the family."""
        return self.encode_each(dict.fromkeys(self.parts, prompt), **options)

    def encode_each(self, prompts: Mapping[str, str], **options: object) -> Conditioning:
        """Return the conditioning of a prompt for each encoder, with options of the family."""
        vectors, pooled = self.encode_tokens(self.tokenize_each(prompts))
        return [[vectors, options if pooled is None else {"pooled_output": pooled, **options}]]

    def _levelled(self, tokens: Mapping[str, list[Chunk]]) -> Tokens:
        """Bring the encoders whose tokens are laid side by side to an equal number of windows, with empty ones."""
        known = {name: tokens.get(name, []) for name in self.parts}
        level = [name for name in self.models.joiner.level if name in known]
        most = max((len(known[name]) for name in level), default=0)
        filled = {name: [*known[name], *self.parts[name].tokenize("") * (most - len(known[name]))] for name in level}
        return known | filled


def needed(clip: TextEncoder | None) -> TextEncoder:
    """Return what a wire carries, if a checkpoint had it.

    Raises:
        NodeInputError: it had none.

    """
    if clip is None:
        raise NodeInputError(
            "The checkpoint has no text encoder.", hint="Load one with CLIPLoader or DualCLIPLoader.", input_name="clip"
        )
    return clip
