"""The transformer of Flux.1 (Black Forest Labs 2024, https://github.com/black-forest-labs/flux)."""

# A module's call is untyped in torch.
# mypy: disable-error-code="no-any-return, no-untyped-call"

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from inhouse.packs.diffusion.networks.attention import sdpa
from inhouse.packs.diffusion.networks.inputs import NetworkInputs
from inhouse.packs.diffusion.networks.joint import PATCH, JointAttention, Walk, padded
from inhouse.packs.diffusion.patches import UNPATCHED, Attention, Patches
from inhouse.packs.diffusion.transformer_names import numbered

if TYPE_CHECKING:
    from inhouse.packs.diffusion.patches import Tensors

_PERIOD = 10_000
_TIMESTEPS = 1000


@dataclass(frozen=True, slots=True)
class FluxSpec:
    """The architecture, read off the parameters' shapes.

    Attributes:
        in_channels: channels that the network is shown, the latent's.
        out_channels: the latent's channels.
        context: channels of the prompt's conditioning.
        vector: channels of the pooled conditioning.
        channels: of a token.
        head_channels: of an attention head.
        doubles: blocks with weights for text and picture each.
        singles: blocks with weights for both.
        guided: whether it takes the scale of distilled guidance (dev), or not (schnell).

    """

    in_channels: int
    out_channels: int
    context: int
    vector: int
    channels: int
    head_channels: int
    doubles: int
    singles: int
    guided: bool

    @property
    def text_repeats(self) -> bool:
        """Whether text may be repeated to be as long as another: no, the picture attends to itself beside it."""
        return False

    @property
    def axes(self) -> tuple[int, int, int]:
        """Channels of a head that say which picture, row and column a token is of: 16, 56 and 56 of 128."""
        one = self.head_channels // 8
        return one, (self.head_channels - one) // 2, (self.head_channels - one) // 2

    @classmethod
    def from_shapes(cls, shapes: Mapping[str, tuple[int, ...]]) -> Self:
        """Read the architecture off the shapes of diffusers' parameters.

        Raises:
            KeyError: a parameter is missing that any such network has; its name is the argument.
            ValueError: heads do not share the channels evenly.

        """
        channels, patch = shapes["x_embedder.weight"]
        head = shapes["single_transformer_blocks.0.attn.norm_q.weight"][0]
        if channels % head or head % 16:
            raise ValueError(f"{channels} channels in heads of {head}")
        return cls(
            in_channels=patch // PATCH**2,
            out_channels=shapes["proj_out.weight"][0] // PATCH**2,
            context=shapes["context_embedder.weight"][1],
            vector=shapes["time_text_embed.text_embedder.linear_1.weight"][1],
            channels=channels,
            head_channels=head,
            doubles=numbered(shapes, "transformer_blocks"),
            singles=numbered(shapes, "single_transformer_blocks"),
            guided="time_text_embed.guidance_embedder.linear_1.weight" in shapes,
        )


class FluxTransformer(nn.Module):
    """Predicts the straight path's direction from a noisy latent, a noise level and a prompt's conditioning."""

    stage = "steps"
    """What it works on, for profiles."""

    def __init__(self, spec: FluxSpec) -> None:
        super().__init__()
        from diffusers.models.transformers.transformer_flux import FluxTransformer2DModel

        self.spec = spec
        built = FluxTransformer2DModel(
            patch_size=1,
            in_channels=spec.in_channels * PATCH**2,
            out_channels=spec.out_channels * PATCH**2,
            num_layers=spec.doubles,
            num_single_layers=spec.singles,
            attention_head_dim=spec.head_channels,
            num_attention_heads=spec.channels // spec.head_channels,
            joint_attention_dim=spec.context,
            pooled_projection_dim=spec.vector,
            guidance_embeds=spec.guided,
            axes_dims_rope=spec.axes,
        )
        built.set_attn_processor(JointAttention())
        self.time_text_embed = built.time_text_embed
        self.context_embedder = built.context_embedder
        self.x_embedder = built.x_embedder
        self.transformer_blocks = built.transformer_blocks
        self.single_transformer_blocks = built.single_transformer_blocks
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
        """Return the direction (batch, out_channels, height, width); ``timestep`` (batch,) is the noise level, 0..1."""
        size = (x.shape[-2], x.shape[-1])
        whole = padded(x)
        rows, columns = whole.shape[-2] // PATCH, whole.shape[-1] // PATCH
        places = _positions(self.spec.axes, inputs.context.shape[1], rows, columns, x.device)
        walk = Walk(inputs, timestep, size, attend, patches, places)
        tensors: Tensors = {
            # Every token is its patch's channels, positions of one side by side.
            "image": self.x_embedder(functional.pixel_unshuffle(whole, PATCH).flatten(2).transpose(1, 2)),
            "text": self.context_embedder(inputs.context),
            "vector": self._vector(timestep, inputs),
        }
        doubles = self.transformer_blocks
        tensors = walk.through(doubles, "double", tensors)
        tensors = walk.through(self.single_transformer_blocks, "single", tensors, before=len(doubles))
        tokens = self.proj_out(self.norm_out(tensors["image"], tensors["vector"]))
        return functional.pixel_shuffle(tokens.transpose(1, 2).unflatten(2, (rows, columns)), PATCH)[
            ..., : size[0], : size[1]
        ]

    def _vector(self, timestep: Tensor, inputs: NetworkInputs) -> Tensor:
        """Return what every block is modulated by (batch, channels)."""
        embed, pooled = self.time_text_embed, inputs.vector
        assert pooled is not None
        vector = embed.timestep_embedder(embed.time_proj(timestep * _TIMESTEPS).to(pooled.dtype))
        if self.spec.guided and inputs.guidance is not None:
            guidance = embed.time_proj(inputs.guidance.float() * _TIMESTEPS)
            vector = vector + embed.guidance_embedder(guidance.to(pooled.dtype))
        return vector + embed.text_embedder(pooled)


def _positions(
    axes: tuple[int, int, int], text: int, rows: int, columns: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Return cosine and sine (tokens, channels of a head) of all tokens' places; text is nowhere, at (0, 0, 0)."""
    row = torch.arange(rows).repeat_interleave(columns)
    column = torch.arange(columns).repeat(rows)
    picture = torch.stack([torch.zeros_like(row), row, column], dim=-1)
    places = torch.cat([picture.new_zeros(text, 3), picture]).double()
    angles = [
        places[:, axis, None] / _PERIOD ** (torch.arange(0, channels, 2, dtype=torch.float64) / channels)
        for axis, channels in enumerate(axes)
    ]
    angle = torch.cat(angles, dim=-1).repeat_interleave(2, dim=-1)
    return angle.cos().float().to(device), angle.sin().float().to(device)
