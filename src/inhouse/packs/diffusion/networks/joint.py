"""What transformers share in which text and picture attend to each other: tokens, attention, the walk through blocks.

Esser et al. (2024), https://arxiv.org/abs/2403.03206. The blocks are diffusers' (Apache-2.0). Their attention is
computed here, so that every attention of a network goes through the one function that its caller chose, and patches
reach it.
"""

# A module's call is untyped in torch.
# mypy: disable-error-code="no-any-return, no-untyped-call"

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional

from inhouse.packs.diffusion.networks.inputs import NetworkInputs, Residuals, added
from inhouse.packs.diffusion.patches import Attention, Patches, Place, Site

if TYPE_CHECKING:
    from torch import nn

    from inhouse.packs.diffusion.patches import Tensors

PATCH = 2
"""Latent pixels along each side of a token."""


def padded(x: Tensor) -> Tensor:
    """Return a latent (batch, channels, height, width) whose sides are whole tokens: it goes on at its other end."""
    right, bottom = x.shape[-1] % PATCH, x.shape[-2] % PATCH
    return functional.pad(x, (0, right, 0, bottom), mode="circular") if right or bottom else x


def unpatched(tokens: Tensor, size: tuple[int, int]) -> Tensor:
    """Return the latent (batch, channels, height, width) of tokens (batch, rows * columns, p * p * channels).

    Args:
        tokens: each is p * p positions, all channels of one side by side.
        size: height and width; what was padded is cut off.

    """
    rows, columns = (-(-side // PATCH) for side in size)
    grid = tokens.unflatten(1, (rows, columns)).unflatten(-1, (PATCH, PATCH, -1))
    latent = grid.permute(0, 5, 1, 3, 2, 4).flatten(4, 5).flatten(2, 3)
    return latent[..., : size[0], : size[1]]


@dataclass(frozen=True, slots=True)
class Walk:
    """One call of a network on its way through the blocks.

    Attributes:
        inputs: what the network was told.
        timestep: (batch,).
        size: the latent's height and width.
        attend: computes every attention.
        patches: what is changed.
        positions: cosine and sine of every token's place (tokens, channels of a head), text first; None without.

    """

    inputs: NetworkInputs
    timestep: Tensor
    size: tuple[int, int]
    attend: Attention
    patches: Patches
    positions: tuple[Tensor, Tensor] | None = None

    def through(self, blocks: nn.ModuleList, part: str, tensors: Tensors, *, before: int = 0) -> Tensors:
        """Return what blocks make of ``image`` and ``text`` tokens under a ``vector`` (batch, channels).

        Args:
            blocks: diffusers' blocks.
            part: how they are called, ``double`` or ``single``.
            tensors: what comes in.
            before: blocks of other parts that came before, for the numbers of residuals.

        """
        residuals = self.inputs.residuals or Residuals()
        rows, columns = (-(-side // PATCH) for side in self.size)
        for index, block in enumerate(blocks):
            place = Place(part, index, self.inputs, self.timestep, self.size)
            site = Site(place, before + index, cross=False, height=rows, width=columns)
            run = self.patches.around_block(self._runner(block, site), place)
            tensors = {**tensors, **run(tensors)}
            tensors["image"] = added(tensors["image"], residuals.blocks, before + index)
        return tensors

    def _runner(self, block: nn.Module, site: Site) -> Callable[[Tensors], Tensors]:
        more = {} if self.positions is None else {"image_rotary_emb": self.positions}

        def run(tensors: Tensors) -> Tensors:
            text, image = block(
                hidden_states=tensors["image"],
                encoder_hidden_states=tensors["text"],
                temb=tensors["vector"],
                joint_attention_kwargs={"walk": self, "site": site},
                **more,
            )
            return {"image": image} if text is None else {"image": image, "text": text}

        return run


class JointAttention:
    """Computes the attention of diffusers' blocks: a processor, as they call it.

    Every head's tokens are (batch, tokens, heads, channels of a head); the text's lie before the picture's.
    """

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        image_rotary_emb: tuple[Tensor, Tensor] | None = None,
        walk: Walk | None = None,
        site: Site | None = None,
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Return the attended tokens of the picture, and those of the text where there were some."""
        del attention_mask
        assert walk is not None
        assert site is not None
        sources = (hidden_states, hidden_states, hidden_states)
        for change in walk.patches.tokens:
            sources = change(*sources, site)
        query, key, value = (
            _heads(attn, attn.get_submodule(f"to_{name}"), x) for name, x in zip("qkv", sources, strict=True)
        )
        query, key = _normed(attn.norm_q, query), _normed(attn.norm_k, key)
        text = 0 if encoder_hidden_states is None else encoder_hidden_states.shape[1]
        if encoder_hidden_states is not None:
            more = [_heads(attn, attn.get_submodule(f"add_{name}_proj"), encoder_hidden_states) for name in "qkv"]
            query = torch.cat([_normed(attn.norm_added_q, more[0]), query], dim=1)
            key = torch.cat([_normed(attn.norm_added_k, more[1]), key], dim=1)
            value = torch.cat([more[2], value], dim=1)
        if image_rotary_emb is not None:
            query, key = rotated(query, image_rotary_emb), rotated(key, image_rotary_emb)
        mixed = walk.attend(query.flatten(2), key.flatten(2), value.flatten(2), attn.heads, site)
        picture = mixed[:, text:]
        if not attn.pre_only:
            picture = attn.to_out[0](picture)
        for adjust in walk.patches.attended:
            picture = adjust(picture, site)
        if encoder_hidden_states is None:
            return picture
        said = mixed[:, :text]
        return picture, said if attn.context_pre_only else attn.to_add_out(said)


def rotated(heads: Tensor, positions: tuple[Tensor, Tensor]) -> Tensor:
    """Turn each pair of channels by an angle that says where the token is.

    Su et al. (2021), RoFormer, section 3.2, https://arxiv.org/abs/2104.09864.

    Args:
        heads: (batch, tokens, heads, channels).
        positions: cosine and sine (tokens, channels), float32.

    """
    cosine, sine = (part[:, None] for part in positions)
    real, imaginary = heads.unflatten(-1, (-1, 2)).unbind(-1)
    turned = torch.stack([-imaginary, real], dim=-1).flatten(-2)
    return (heads.float() * cosine + turned.float() * sine).to(heads.dtype)


def _heads(attn: Any, layer: nn.Module, tokens: Tensor) -> Tensor:
    projected: Tensor = layer(tokens)
    return projected.unflatten(-1, (attn.heads, -1))


def _normed(norm: nn.Module | None, heads: Tensor) -> Tensor:
    return heads if norm is None else norm(heads)
