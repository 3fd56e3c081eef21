"""Attention and the transformer blocks of latent diffusion (Rombach et al. 2022, https://arxiv.org/abs/2112.10752).

Every attention of a UNet goes through one function, ``attend(query, key, value, heads, site)``, which the caller
chooses: an implementation of `inhouse.backends.attention`, or one that does something else at some sites (see
``patches``).
"""

# A module's call is untyped in torch.
# mypy: disable-error-code="no-any-return, no-untyped-call"

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from torch import Tensor, nn
from torch.nn import functional

from inhouse.backends import attention_kernels
from inhouse.packs.diffusion.patches import Attention, Site

if TYPE_CHECKING:
    from inhouse.backends.attention_kernels import Attend
    from inhouse.packs.diffusion.networks.residual import Step


def sdpa(query: Tensor, key: Tensor, value: Tensor, heads: int, site: Site | None = None) -> Tensor:
    """Attend with torch's fused kernels."""
    del site
    return attention_kernels.sdpa(query, key, value, heads)


def plain(query: Tensor, key: Tensor, value: Tensor, heads: int, site: Site | None = None) -> Tensor:
    """Attend by the formula."""
    del site
    return attention_kernels.plain(query, key, value, heads)


def anywhere(attend: Attend) -> Attention:
    """Return an attention that is the same at every site."""

    def attention(query: Tensor, key: Tensor, value: Tensor, heads: int, site: Site | None) -> Tensor:
        del site
        return attend(query, key, value, heads)

    return attention


class CrossAttention(nn.Module):
    """Multi-head attention; the picture's tokens ask, the context's answer."""

    def __init__(self, channels: int, context: int, heads: int) -> None:
        super().__init__()
        if heads < 1 or channels % heads:
            raise ValueError(f"{channels} channels cannot be shared among {heads} heads")
        self.heads = heads
        self.to_q = nn.Linear(channels, channels, bias=False)
        self.to_k = nn.Linear(context, channels, bias=False)
        self.to_v = nn.Linear(context, channels, bias=False)
        self.to_out = nn.ModuleList([nn.Linear(channels, channels)])

    def forward(self, x: Tensor, context: Tensor, step: Step, site: Site) -> Tensor:
        """Return the attended tokens; shape as ``x``."""
        query, key, value = x, context, context
        for change in step.patches.tokens:
            query, key, value = change(query, key, value, site)
        out = self.to_out[0](step.attend(self.to_q(query), self.to_k(key), self.to_v(value), self.heads, site))
        for adjust in step.patches.attended:
            out = adjust(out, site)
        return out


class GatedLinear(nn.Module):
    """A linear layer gated by a GELU of another: GEGLU, Shazeer (2020), https://arxiv.org/abs/2002.05202."""

    def __init__(self, channels: int, inner: int) -> None:
        super().__init__()
        self.proj = nn.Linear(channels, 2 * inner)

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, tokens, inner)."""
        value, gate = self.proj(x).chunk(2, dim=-1)
        return functional.gelu(gate).mul_(value)


class FeedForward(nn.Module):
    """The transformer's two-layer network, four times as wide inside."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.net = nn.Sequential(GatedLinear(channels, 4 * channels), nn.Identity(), nn.Linear(4 * channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        """Return a tensor of the same shape."""
        return self.net(x)


class TransformerBlock(nn.Module):
    """Self-attention, attention to the prompt, feed-forward, each behind a layer norm and beside a shortcut."""

    def __init__(self, channels: int, context: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(channels) for _ in range(3))
        self.attn1 = CrossAttention(channels, channels, heads)
        self.attn2 = CrossAttention(channels, context, heads)
        self.ff = FeedForward(channels)

    def forward(self, x: Tensor, step: Step, site: Callable[[bool], Site]) -> Tensor:
        """Return a tensor of the same shape; ``site`` names the attentions, given whether they cross."""
        tokens = self.norm1(x)
        x = x + self.attn1(tokens, tokens, step, site(False))  # noqa: FBT003
        x = x + self.attn2(self.norm2(x), step.place.inputs.context, step, site(True))  # noqa: FBT003
        return self.ff(self.norm3(x)).add_(x)


class SpatialTransformer(nn.Module):
    """Transformer blocks over the positions of a feature map.

    The projections around them are 1x1 convolutions in SD 1 and linear layers since SD 2: the same function, here
    always linear.
    """

    def __init__(self, channels: int, context: int, heads: int, depth: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(32, channels, eps=1e-6)
        self.proj_in = nn.Linear(channels, channels)
        self.transformer_blocks = nn.ModuleList(TransformerBlock(channels, context, heads) for _ in range(depth))
        self.proj_out = nn.Linear(channels, channels)

    def forward(self, x: Tensor, step: Step) -> Tensor:
        """Return a feature map of the same shape (batch, channels, height, width)."""
        height, width = x.shape[-2:]
        tokens = self.proj_in(self.norm(x).flatten(2).transpose(1, 2))
        for depth, block in enumerate(self.transformer_blocks):

            def site(cross: bool, depth: int = depth) -> Site:  # noqa: FBT001
                return Site(step.place, depth, cross, height, width)

            tokens = block(tokens, step, site)
        return x + self.proj_out(tokens).transpose(1, 2).unflatten(2, (height, width))
