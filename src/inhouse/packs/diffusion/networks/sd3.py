"""The transformer of Stable Diffusion 3 and 3.5 (Esser et al. 2024, https://arxiv.org/abs/2403.03206)."""

# A module's call is untyped in torch.
# mypy: disable-error-code="no-any-return, no-untyped-call"

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn

from inhouse.errors import NodeInputError
from inhouse.packs.diffusion.networks.attention import sdpa
from inhouse.packs.diffusion.networks.inputs import NetworkInputs
from inhouse.packs.diffusion.networks.joint import PATCH, JointAttention, Walk, padded, unpatched
from inhouse.packs.diffusion.patches import UNPATCHED, Attention, Patches
from inhouse.packs.diffusion.transformer_names import numbered

_HEAD = 64


@dataclass(frozen=True, slots=True)
class SD3Spec:
    """The architecture, read off the parameters' shapes.

    Attributes:
        in_channels: the latent's channels, as the network is shown them.
        out_channels: the latent's channels.
        context: channels of the prompt's conditioning.
        vector: channels of the pooled conditioning.
        channels: of a token.
        head_channels: of an attention head.
        blocks: their number.
        dual: the blocks in which the picture attends to itself once more (3.5 medium).
        normed: whether queries and keys are normed (3.5).
        positions: tokens along each side of the largest picture.

    """

    in_channels: int
    out_channels: int
    context: int
    vector: int
    channels: int
    head_channels: int
    blocks: int
    dual: tuple[int, ...]
    normed: bool
    positions: int

    @property
    def text_repeats(self) -> bool:
        """Whether text may be repeated to be as long as another: no, the picture attends to itself beside it."""
        return False

    @classmethod
    def from_shapes(cls, shapes: Mapping[str, tuple[int, ...]]) -> Self:
        """Read the architecture off the shapes of diffusers' parameters.

        Raises:
            KeyError: a parameter is missing that any such network has; its name is the argument.
            ValueError: heads do not share the channels evenly, or positions are no square.

        """
        channels, in_channels = shapes["pos_embed.proj.weight"][:2]
        blocks = numbered(shapes, "transformer_blocks")
        norm = shapes.get("transformer_blocks.0.attn.norm_q.weight")
        head = norm[0] if norm else _HEAD
        positions = math.isqrt(shapes["pos_embed.pos_embed"][1])
        if channels % head or positions**2 != shapes["pos_embed.pos_embed"][1]:
            raise ValueError(f"{channels} channels in heads of {head}")
        return cls(
            in_channels=in_channels,
            out_channels=shapes["proj_out.weight"][0] // PATCH**2,
            context=shapes["context_embedder.weight"][1],
            vector=shapes["time_text_embed.text_embedder.linear_1.weight"][1],
            channels=channels,
            head_channels=head,
            blocks=blocks,
            dual=tuple(i for i in range(blocks) if f"transformer_blocks.{i}.attn2.to_q.weight" in shapes),
            normed=norm is not None,
            positions=positions,
        )


class Positions(nn.Module):
    """From a latent to tokens that know their place."""

    def __init__(self, spec: SD3Spec) -> None:
        super().__init__()
        self.side = spec.positions
        self.proj = nn.Conv2d(spec.in_channels, spec.channels, PATCH, stride=PATCH)
        self.pos_embed = nn.Parameter(torch.empty(1, spec.positions**2, spec.channels))

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, rows * columns, channels); a picture is the middle of the largest one.

        Raises:
            NodeInputError: it is larger than that.

        """
        tokens = self.proj(x)
        rows, columns = tokens.shape[-2:]
        if max(rows, columns) > self.side:
            raise NodeInputError(
                f"The latent has {columns} x {rows} tokens, the model knows the places of {self.side} x {self.side}.",
                hint=f"Keep width and height at {self.side * PATCH * 8} pixels at most.",
            )
        top, left = (self.side - rows) // 2, (self.side - columns) // 2
        places = self.pos_embed.unflatten(1, (self.side, self.side))[:, top : top + rows, left : left + columns]
        return tokens.flatten(2).transpose(1, 2) + places.flatten(1, 2)


class SD3Transformer(nn.Module):
    """Predicts the straight path's direction from a noisy latent, a timestep and a prompt's conditioning."""

    stage = "steps"
    """What it works on, for profiles."""

    def __init__(self, spec: SD3Spec) -> None:
        super().__init__()
        from diffusers.models.transformers.transformer_sd3 import SD3Transformer2DModel

        self.spec = spec
        built = SD3Transformer2DModel(
            sample_size=PATCH,
            patch_size=PATCH,
            in_channels=spec.in_channels,
            num_layers=spec.blocks,
            attention_head_dim=spec.head_channels,
            num_attention_heads=spec.channels // spec.head_channels,
            joint_attention_dim=spec.context,
            caption_projection_dim=spec.channels,
            pooled_projection_dim=spec.vector,
            out_channels=spec.out_channels,
            pos_embed_max_size=1,
            dual_attention_layers=spec.dual,
            qk_norm="rms_norm" if spec.normed else None,
        )
        built.set_attn_processor(JointAttention())
        self.pos_embed = Positions(spec)
        self.time_text_embed = built.time_text_embed
        self.context_embedder = built.context_embedder
        self.transformer_blocks = built.transformer_blocks
        self.norm_out = built.norm_out
        self.proj_out = built.proj_out

    def forward(
        self,
        x: Tensor,
        timestep: Tensor,
        inputs: NetworkInputs,
        *,
        attend: Attention = sdpa,
        patches: Patches = UNPATCHED,
    ) -> Tensor:
        """Return the direction (batch, out_channels, height, width); ``timestep`` (batch,) is 0 to 1000."""
        size = (x.shape[-2], x.shape[-1])
        walk = Walk(inputs, timestep, size, attend, patches)
        tensors = walk.through(
            self.transformer_blocks,
            "double",
            {
                "image": self.pos_embed(padded(x)),
                "text": self.context_embedder(inputs.context),
                "vector": self.time_text_embed(timestep, inputs.vector),
            },
        )
        return unpatched(self.proj_out(self.norm_out(tensors["image"], tensors["vector"])), size)
