"""T5 as an encoder of prompts."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Self

from inhouse.packs.diffusion.text.base import Encoded
from inhouse.packs.diffusion.text.embeddings import PREFIX, Embeddings
from inhouse.packs.diffusion.text.prompt import parse
from inhouse.packs.diffusion.text.t5_tokenizer import END_TOKEN, PAD_TOKEN, load_tokenizer

if TYPE_CHECKING:
    from pathlib import Path

    import torch
    from torch import Tensor

    from inhouse.packs.diffusion.handle import Handle
    from inhouse.packs.diffusion.lora import LoraApplication, Targets
    from inhouse.packs.diffusion.networks.t5 import T5Spec, T5Transformer
    from inhouse.packs.diffusion.text.chunks import Chunk, WeightedToken

NAME = "t5xxl"
"""How files that serve several encoders call it."""


@dataclass(frozen=True)
class T5Model:
    """T5's encoder as a text model. Clones are cheap: they share the weights.

    Attributes:
        base: the network as its file has it.
        spec: its architecture.
        targets: the layers that a LoRA may name.
        shortest: tokens that a prompt is filled up to; 77 for Stable Diffusion 3, 256 for Flux.
        tokenizer: the tokenizer's file; None where there is none, which is an error once a prompt is read.
        dtype: the type that it computes in.
        device: where it computes.
        loras: what is added to its weights, in order.
        network: the network with the LoRAs added.

    """

    base: Handle[T5Transformer]
    spec: T5Spec
    targets: Targets
    shortest: int
    tokenizer: Path | None
    dtype: torch.dtype
    device: str = "cpu"
    loras: tuple[LoraApplication, ...] = ()
    network: Handle[T5Transformer] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        from inhouse.packs.diffusion.lora import patched

        change = partial(patched, loras=self.loras)
        object.__setattr__(self, "network", self.base.derived(change) if self.loras else self.base)

    def with_lora(self, lora: LoraApplication) -> Self:
        """Return the model with one more LoRA on it."""
        return replace(self, loras=(*self.loras, lora))

    def encoder(self, embeddings: Embeddings, layer: int | None) -> T5Encoder:
        """Return the model as an encoder of prompts; the last layer always conditions."""
        del layer
        return T5Encoder(self, embeddings)


@dataclass(frozen=True)
class T5Encoder:
    """T5 with what a prompt needs around it.

    Attributes:
        model: the transformer.
        embeddings: the textual inversions that prompts may name.

    """

    model: T5Model
    embeddings: Embeddings = field(default_factory=Embeddings)

    def tokenize(self, prompt: str) -> list[Chunk]:
        """Return the prompt's weighted tokens as one window: T5 reads texts of any length.

        Raises:
            ModelNotFoundError: the tokenizer's file is missing.

        """
        window: list[WeightedToken] = []
        tokenizer = load_tokenizer(self.model.tokenizer)
        for segment in parse(prompt):
            for text, rows in self._runs(segment.text):
                window += [(row, segment.weight) for row in rows]
                window += [(token, segment.weight) for token in tokenizer.encode(text)]
        return [self._closed(window)]

    def _runs(self, text: str) -> list[tuple[str, list[Tensor]]]:
        """Return runs of text and, before each, the rows of the textual inversion that it follows."""
        runs: list[tuple[str, list[Tensor]]] = []
        head, *named = text.split(PREFIX)
        runs.append((head, []))
        for part in named:
            name, _, rest = part.partition(" ")
            rows = self.embeddings.vectors(name.rstrip(",.;:!?"), encoder=NAME, width=self.model.spec.width)
            runs.append((rest, [] if rows is None else list(rows)))
        return runs

    def _closed(self, window: list[WeightedToken]) -> Chunk:
        closed: Chunk = [*window, (END_TOKEN, 1.0)]
        return [*closed, *[(PAD_TOKEN, 1.0)] * (self.model.shortest - len(closed))]

    def encode_tokens(self, chunks: list[Chunk]) -> Encoded:
        """Return the conditioning (1, tokens, width) of windows of tokens, one behind the other; T5 pools nothing.

        A weight scales a token's vector away from the vector that the empty prompt has at its place.
        """
        import torch

        parts = [self._window(window) for window in chunks]
        return Encoded(torch.cat(parts)[None].clone().cpu(), None)

    def _window(self, window: Chunk) -> Tensor:
        """Return the vectors (tokens, width), float32, of one window."""
        import torch

        weights = torch.tensor([weight for _, weight in window])
        weighted = bool((weights != 1).any())
        empty: Chunk = [(END_TOKEN, 1.0), *[(PAD_TOKEN, 1.0)] * (len(window) - 1)]
        batch = [window, empty] if weighted else [window]
        with self.model.network.lease() as network, torch.inference_mode():
            vectors = network(_embedded(network, batch, self.model.device)).float()
            if weighted:
                factors = weights.to(vectors)[:, None]
                scaled = vectors[1] + (vectors[0] - vectors[1]) * factors
                return torch.where(factors == 1, vectors[0], scaled)
            return vectors[0]  # type: ignore[no-any-return]


def _embedded(network: T5Transformer, windows: list[Chunk], device: str) -> Tensor:
    """Return the embeddings (windows, tokens, width), rows of textual inversions in their places."""
    import torch

    ids = [[token if isinstance(token, int) else PAD_TOKEN for token, _ in window] for window in windows]
    embedded = network.embed(torch.tensor(ids, device=device)).clone()
    for row, window in enumerate(windows):
        for column, (token, _) in enumerate(window):
            if not isinstance(token, int):
                embedded[row, column] = token.to(embedded)
    return embedded
