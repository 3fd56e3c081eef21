"""T5's encoder (Raffel et al. 2020, https://arxiv.org/abs/1910.10683), which reads long prompts."""

# A module's call is untyped in torch.
# mypy: disable-error-code="no-any-return, no-untyped-call"

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from torch import Tensor, nn

from inhouse.packs.diffusion.transformer_names import numbered

_FIRST = "encoder.block.0.layer.0.SelfAttention"
_GATED = "encoder.block.0.layer.1.DenseReluDense.wi_0.weight"
_PLAIN = "encoder.block.0.layer.1.DenseReluDense.wi.weight"


@dataclass(frozen=True, slots=True)
class T5Spec:
    """The architecture, read off the parameters' shapes.

    Attributes:
        width: of a token.
        vocabulary: number of tokens.
        heads: of each attention.
        head_channels: of each head.
        inner: width of the feed-forward network.
        layers: number of blocks.
        buckets: distances between tokens that attention tells apart.
        gated: whether the feed-forward network is gated (T5 1.1, XXL among them).

    """

    width: int
    vocabulary: int
    heads: int
    head_channels: int
    inner: int
    layers: int
    buckets: int
    gated: bool

    @classmethod
    def from_shapes(cls, shapes: Mapping[str, tuple[int, ...]]) -> Self:
        """Read the architecture off the shapes of parameters named as transformers names them.

        Raises:
            KeyError: a parameter is missing that any such network has; its name is the argument.
            ValueError: heads do not share the channels evenly.

        """
        vocabulary, width = shapes["shared.weight"]
        buckets, heads = shapes[f"{_FIRST}.relative_attention_bias.weight"]
        channels, gated = shapes[f"{_FIRST}.q.weight"][0], _GATED in shapes
        if channels % heads:
            raise ValueError(f"{channels} channels for {heads} heads")
        return cls(
            width=width,
            vocabulary=vocabulary,
            heads=heads,
            head_channels=channels // heads,
            inner=shapes[_GATED if gated else _PLAIN][0],
            layers=numbered(shapes, "encoder.block"),
            buckets=buckets,
            gated=gated,
        )


class FeedForward(nn.Module):
    """The two-layer network of a block: transformers' layers, without its look at the type that a weight is kept in.

    A weight that stays in 8 bits is cast when its layer is called; the hidden states must not be cast to its type.
    """

    def __init__(self, theirs: Any) -> None:
        super().__init__()
        for name, layer in theirs.named_children():
            if isinstance(layer, nn.Linear):
                self.add_module(name, layer)
        self.act: Any = theirs.act

    def forward(self, x: Tensor) -> Tensor:
        """Return a tensor of the same shape."""
        layer = self.get_submodule
        if "wi" in self._modules:
            return layer("wo")(self.act(layer("wi")(x)))
        return layer("wo")(self.act(layer("wi_0")(x)) * layer("wi_1")(x))


class T5Transformer(nn.Module):
    """From tokens to vectors that know their context."""

    stage = "text"
    """What it works on, for profiles."""

    def __init__(self, spec: T5Spec) -> None:
        super().__init__()
        from transformers import T5Config, T5EncoderModel

        config = T5Config(
            vocab_size=spec.vocabulary,
            d_model=spec.width,
            d_kv=spec.head_channels,
            d_ff=spec.inner,
            num_layers=spec.layers,
            num_heads=spec.heads,
            relative_attention_num_buckets=spec.buckets,
            feed_forward_proj="gated-gelu" if spec.gated else "relu",
            dropout_rate=0.0,
        )
        built = T5EncoderModel(config)
        self.spec = spec
        self.shared = built.shared
        self.encoder = built.encoder
        # The table is this module's alone: tokens may be replaced by vectors before the encoder sees them.
        self.encoder.embed_tokens = None
        for block in self.encoder.block:
            block.layer[1].DenseReluDense = FeedForward(block.layer[1].DenseReluDense)

    def embed(self, ids: Tensor) -> Tensor:
        """Return the vectors (batch, tokens, width) of tokens (batch, tokens)."""
        return self.shared(ids)

    def forward(self, embeddings: Tensor) -> Tensor:
        """Return (batch, tokens, width); every token sees every other, padding too."""
        return self.encoder(inputs_embeds=embeddings).last_hidden_state
