"""Text models as values: the transformers that a prompt's tokens go through."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol, Self

from inhouse.backends.batching import Batches
from inhouse.packs.diffusion.text.joining import ALONE, Joiner

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from inhouse.packs.diffusion.handle import Handle
    from inhouse.packs.diffusion.lora import LoraApplication, Targets
    from inhouse.packs.diffusion.networks.clip import TextSpec, TextTransformer
    from inhouse.packs.diffusion.text.base import PromptEncoder
    from inhouse.packs.diffusion.text.embeddings import Embeddings


class TextPart(Protocol):
    """One text model of whatever architecture."""

    @property
    def targets(self) -> Targets:
        """The layers that a LoRA may name."""

    def with_lora(self, lora: LoraApplication) -> Self:
        """Return the model with one more LoRA on it."""

    def encoder(self, embeddings: Embeddings, layer: int | None) -> PromptEncoder:
        """Return the model as an encoder of prompts.

        Args:
            embeddings: the textual inversions that prompts may name.
            layer: the layer that conditions, counted from the end; None is the family's own.

        """


@dataclass(frozen=True)
class TextModels:
    """The text models of a family. Clones are cheap: they share the weights.

    Attributes:
        parts: the models by their short names: ``l`` (CLIP-L), ``g`` and ``h`` (OpenCLIP's), ``t5xxl``.
        joiner: makes one conditioning of what they say.

    """

    parts: Mapping[str, TextPart]
    joiner: Joiner = ALONE

    @property
    def targets(self) -> Targets:
        """The layers of all of them that a LoRA may name; a layer's path begins with its model's name and a colon."""
        return MappingProxyType(
            {
                name: tuple(replace(layer, path=f"{part}:{layer.path}") for layer in layers)
                for part, model in self.parts.items()
                for name, layers in model.targets.items()
            }
        )

    def with_lora(self, lora: LoraApplication) -> Self:
        """Return the models with one more LoRA on those that it touches, its paths as in `targets`."""
        changed = {}
        for part, model in self.parts.items():
            head = f"{part}:"
            inner = {
                path.removeprefix(head): change for path, change in lora.parameters.items() if path.startswith(head)
            }
            rows = {path.removeprefix(head): row for path, row in lora.rows.items() if path.startswith(head)}
            changed[part] = model.with_lora(replace(lora, parameters=inner, rows=rows)) if inner else model
        return replace(self, parts=MappingProxyType(changed))


@dataclass(frozen=True)
class TextModel:
    """A CLIP text transformer. Clones are cheap: they share the weights.

    Attributes:
        base: the network as its file has it.
        spec: the network's architecture and habits.
        targets: the layers that a LoRA may name.
        stored: the type that its weights have in the file; a patched weight is rounded to it.
        loras: what is added to its weights, in order.
        batches: how many windows of tokens it works on at once.
        network: the network with the LoRAs added.

    """

    base: Handle[TextTransformer]
    spec: TextSpec
    targets: Targets
    stored: torch.dtype | None = None
    loras: tuple[LoraApplication, ...] = ()
    batches: Batches = field(default_factory=Batches, compare=False, repr=False)
    network: Handle[TextTransformer] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        from inhouse.packs.diffusion.lora import patched

        change = partial(patched, loras=self.loras, rounded=self.stored)
        object.__setattr__(self, "network", self.base.derived(change) if self.loras else self.base)

    def with_lora(self, lora: LoraApplication) -> Self:
        """Return the model with one more LoRA on it."""
        return replace(self, loras=(*self.loras, lora))

    def encoder(self, embeddings: Embeddings, layer: int | None) -> PromptEncoder:
        """Return the model as an encoder of prompts; see `TextPart`."""
        from inhouse.packs.diffusion.text.clip import ClipEncoder

        return ClipEncoder(self, embeddings, layer)

    def token_embeddings(self, ids: Tensor) -> Tensor:
        """Return the embeddings (batch, tokens, width) of tokens (batch, tokens), without their positions."""
        import torch

        with self.network.lease() as network, torch.inference_mode():
            vectors: Tensor = network.text_model.embeddings.token_embedding(ids.to(self.network.device))
            return vectors.to(ids.device)

    def hidden_states(self, embeddings: Tensor) -> tuple[Tensor, ...]:
        """Return ``layers + 1`` tensors (batch, tokens, width): the embeddings with positions, each layer's output.

        None is normed. CLIP skip k (1 is the last layer) is entry ``layers + 1 - k``.
        """
        import torch

        with self.network.lease() as network, torch.inference_mode():

            def run(part: slice) -> tuple[Tensor, ...]:
                states: tuple[Tensor, ...] = network(embeddings[part].to(self.network.device))
                return tuple(state.to(embeddings.device) for state in states)

            parts = self.batches.run(
                len(embeddings),
                run,
                (self.spec, tuple(embeddings.shape[1:])),
                device=self.network.device,
                what=f"one window of {embeddings.shape[1]} tokens of a prompt",
            )
            return tuple(torch.cat(states) for states in zip(*parts, strict=True))

    def final_norm(self, hidden: Tensor) -> Tensor:
        """Return a layer's output (batch, tokens, width) normed."""
        import torch

        with self.network.lease() as network, torch.inference_mode():
            normed: Tensor = network.text_model.final_layer_norm(hidden.to(self.network.device))
            return normed.to(hidden.device)

    def project(self, pooled: Tensor) -> Tensor:
        """Return pooled tokens (batch, width) projected; as they are where the model has no projection."""
        import torch

        if self.spec.projection is None:
            return pooled
        with self.network.lease() as network, torch.inference_mode():
            projected: Tensor = network.text_projection(pooled.to(self.network.device))
            return projected.to(pooled.device)
