"""The text transformer of CLIP (Radford et al. 2021, https://arxiv.org/abs/2103.00020) and OpenCLIP."""

# A module's call is untyped in torch.
# mypy: disable-error-code="no-any-return, no-untyped-call"

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from inhouse.packs.diffusion.networks.numbering import consecutive


@dataclass(frozen=True, slots=True)
class TextSpec:
    """A text transformer's architecture and habits.

    Attributes:
        name: how files that serve several encoders call it, such as ``clip_l``.
        width: channels of a token.
        layers: transformer layers.
        heads: attention heads; 64 channels each in every published model.
        inner: channels inside a layer's feed-forward network.
        vocabulary: tokens it knows.
        positions: tokens it takes at once.
        activation: ``quick_gelu`` (OpenAI's models) or ``gelu`` (OpenCLIP's).
        projection: channels of the pooled output's projection; None where the file has none.
        default_layer: the layer that conditions, counted from the end: -1 in SD 1, -2 in SD 2 and XL.
        pad_token: fills a prompt up.
        normed: whether that layer's output goes through the last layer norm; not since SDXL.

    """

    name: str
    width: int
    layers: int
    heads: int
    inner: int
    vocabulary: int
    positions: int
    activation: str
    projection: int | None
    default_layer: int
    pad_token: int
    normed: bool = True

    @classmethod
    def from_shapes(
        cls,
        shapes: Mapping[str, tuple[int, ...]],
        *,
        name: str,
        activation: str,
        default_layer: int,
        pad_token: int,
        normed: bool = True,
        projected: bool = True,
    ) -> Self:
        """Read the architecture off the shapes of parameters named ``text_model.encoder.layers.0...`` and so on.

        A model that is not ``projected`` has no projection, whatever its file holds.

        Raises:
            KeyError: a parameter is missing that any such model has; its name is the argument.

        """
        vocabulary, width = shapes["text_model.embeddings.token_embedding.weight"]
        has_projection = projected and "text_projection.weight" in shapes
        pattern = re.compile(r"text_model\.encoder\.layers\.(\d+)\.mlp\.fc1\.weight")
        layers = consecutive(int(match[1]) for match in map(pattern.fullmatch, shapes) if match)
        return cls(
            name=name,
            width=width,
            layers=layers,
            heads=max(1, width // 64),
            inner=shapes["text_model.encoder.layers.0.mlp.fc1.weight"][0],
            vocabulary=vocabulary,
            positions=shapes["text_model.embeddings.position_embedding.weight"][0],
            activation=activation,
            projection=shapes["text_projection.weight"][0] if has_projection else None,
            default_layer=default_layer,
            pad_token=pad_token,
            normed=normed,
        )


class TextAttention(nn.Module):
    """Causal self-attention."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"{width} channels cannot be shared among {heads} heads")
        self.heads = heads
        self.q_proj, self.k_proj, self.v_proj, self.out_proj = (nn.Linear(width, width) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        """Return tokens of the same shape; each has seen itself and those before it."""
        query, key, value = (
            projection(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for projection in (self.q_proj, self.k_proj, self.v_proj)
        )
        mixed = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        return self.out_proj(mixed.transpose(1, 2).flatten(2))


class FeedForward(nn.Module):
    """Two linear layers around the activation."""

    def __init__(self, width: int, inner: int, activation: str) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, inner)
        self.fc2 = nn.Linear(inner, width)
        self.quick = activation == "quick_gelu"

    def forward(self, x: Tensor) -> Tensor:
        """Return tokens of the same shape."""
        hidden = self.fc1(x)
        return self.fc2(hidden * torch.sigmoid(1.702 * hidden) if self.quick else functional.gelu(hidden))


class TextLayer(nn.Module):
    """Attention and feed-forward, each behind a layer norm and beside a shortcut."""

    def __init__(self, spec: TextSpec) -> None:
        super().__init__()
        self.layer_norm1, self.layer_norm2 = nn.LayerNorm(spec.width), nn.LayerNorm(spec.width)
        self.self_attn = TextAttention(spec.width, spec.heads)
        self.mlp = FeedForward(spec.width, spec.inner, spec.activation)

    def forward(self, x: Tensor) -> Tensor:
        """Return tokens of the same shape."""
        x = x + self.self_attn(self.layer_norm1(x))
        return x + self.mlp(self.layer_norm2(x))


class _Embeddings(nn.Module):
    def __init__(self, spec: TextSpec) -> None:
        super().__init__()
        # Not `nn.Embedding(...)`: to draw values on the meta device makes torch import its compiler, for 3 seconds.
        self.token_embedding = nn.Embedding.from_pretrained(torch.empty(spec.vocabulary, spec.width))
        self.position_embedding = nn.Embedding.from_pretrained(torch.empty(spec.positions, spec.width))


class _Encoder(nn.Module):
    def __init__(self, spec: TextSpec) -> None:
        super().__init__()
        self.layers = nn.ModuleList(TextLayer(spec) for _ in range(spec.layers))


class _TextModel(nn.Module):
    def __init__(self, spec: TextSpec) -> None:
        super().__init__()
        self.embeddings = _Embeddings(spec)
        self.encoder = _Encoder(spec)
        self.final_layer_norm = nn.LayerNorm(spec.width)


class TextTransformer(nn.Module):
    """A text transformer whose every layer's output can be had."""

    stage = "text"
    """What it works on, for profiles."""

    def __init__(self, spec: TextSpec) -> None:
        super().__init__()
        self.spec = spec
        self.text_model = _TextModel(spec)
        if spec.projection is not None:
            self.text_projection = nn.Linear(spec.width, spec.projection, bias=False)

    def forward(self, embeddings: Tensor) -> tuple[Tensor, ...]:
        """Return the embeddings (batch, tokens, width) with positions, then each layer's output, none normed."""
        x = embeddings + self.text_model.embeddings.position_embedding.weight[: embeddings.shape[1]]
        states = [x]
        for layer in self.text_model.encoder.layers:
            x = layer(x)
            states.append(x)
        return tuple(states)
