"""The text encoder: CLIP's text transformer, small, with the keys of its published checkpoints.

Radford et al., "Learning Transferable Visual Models From Natural Language Supervision" (2021).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from torch import Tensor

POSITIONS = 77
HEAD = 64


@dataclass(frozen=True)
class TextConfig:
    """Sizes of the text encoder; heads are 64 wide, as a loader assumes."""

    vocabulary: int
    width: int = 128
    layers: int = 3


class SelfAttention(nn.Module):
    """Causal multi-head attention."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.k_proj = nn.Linear(width, width)
        self.v_proj = nn.Linear(width, width)
        self.q_proj = nn.Linear(width, width)
        self.out_proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Let each token gather from those before it."""
        n, tokens, width = x.shape

        def split(y: Tensor) -> Tensor:
            return y.view(n, tokens, width // HEAD, HEAD).transpose(1, 2)

        q, k, v = split(self.q_proj(x)), split(self.k_proj(x)), split(self.v_proj(x))
        hidden = torch.full((tokens, tokens), float("-inf")).triu(1)
        weights = ((q @ k.transpose(-1, -2)).float() * HEAD**-0.5 + hidden).softmax(-1).to(v.dtype)
        return self.out_proj((weights @ v).transpose(1, 2).reshape(n, tokens, width))  # type: ignore[no-any-return]


class Mlp(nn.Module):
    """Widen four times, quick GELU, narrow."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, width * 4)
        self.fc2 = nn.Linear(width * 4, width)

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, tokens, width)."""
        hidden = self.fc1(x)
        return self.fc2(hidden * torch.sigmoid(1.702 * hidden))  # type: ignore[no-any-return]


class Layer(nn.Module):
    """Attention and feed-forward; norms first."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.self_attn = SelfAttention(width)
        self.layer_norm1 = nn.LayerNorm(width)
        self.mlp = Mlp(width)
        self.layer_norm2 = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, tokens, width)."""
        x = x + self.self_attn(self.layer_norm1(x))
        return x + self.mlp(self.layer_norm2(x))  # type: ignore[no-any-return]


class Embeddings(nn.Module):
    """Token and position vectors."""

    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        self.token_embedding = nn.Embedding(config.vocabulary, config.width)
        self.position_embedding = nn.Embedding(POSITIONS, config.width)
        nn.init.normal_(self.token_embedding.weight, std=0.5)
        nn.init.normal_(self.position_embedding.weight, std=0.1)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return (batch, tokens, width)."""
        return self.token_embedding(tokens) + self.position_embedding.weight[: tokens.shape[1]]  # type: ignore[no-any-return]


class Encoder(nn.Module):
    """The layers."""

    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList([Layer(config.width) for _ in range(config.layers)])


class TextModel(nn.Module):
    """Tokens (batch, up to 77) to their last hidden states (batch, tokens, width) after the final norm."""

    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        self.embeddings = Embeddings(config)
        self.encoder = Encoder(config)
        self.final_layer_norm = nn.LayerNorm(config.width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Encode the tokens."""
        x = self.embeddings(tokens)
        for layer in self.encoder.layers:
            x = layer(x)
        return self.final_layer_norm(x)  # type: ignore[no-any-return]
