"""ControlNet: a copy of a UNet's way down that looks at a picture and steers the UNet by it.

Zhang, Rao and Agrawala (2023), https://arxiv.org/abs/2302.05543; the layout of the networks is the paper's own.
"""

# A module's call is untyped in torch.
# mypy: disable-error-code="no-any-return, no-untyped-call"

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

from torch import Tensor, nn

from inhouse.packs.diffusion.networks.attention import sdpa
from inhouse.packs.diffusion.networks.inputs import NetworkInputs, Residuals
from inhouse.packs.diffusion.networks.residual import Step, timestep_embedding
from inhouse.packs.diffusion.networks.unet import BlockSpec, UNetSpec, block_layers, embedder, run_layers
from inhouse.packs.diffusion.patches import UNPATCHED, Attention, Place

_STRIDES = (1, 1, 2, 1, 2, 1, 2, 1)
_HEAD_CHANNELS = 64


@dataclass(frozen=True, slots=True)
class ControlNetSpec:
    """A ControlNet's architecture, read off its parameters' shapes.

    Attributes:
        half: the way down and the middle, as in the UNet that it steers; there is no way up.
        hint: channels at each convolution of the picture's encoder, from the picture's own on.

    """

    half: UNetSpec
    hint: tuple[int, ...]

    @classmethod
    def from_shapes(cls, shapes: Mapping[str, tuple[int, ...]]) -> Self:
        """Read the architecture off the shapes of parameters under their original names.

        Raises:
            KeyError: a parameter is missing that any ControlNet has; its name is the argument.

        """
        convolutions = [shapes[f"input_hint_block.{2 * place}.weight"] for place in range(len(_STRIDES))]
        # It puts nothing out; the name stands in for what a UNet's architecture is read off.
        half = UNetSpec.from_shapes({**shapes, "out.2.weight": (0,)}, head_channels=None)
        half = replace(half, head_channels=_HEAD_CHANNELS if half.linear else None)
        return cls(half, (convolutions[0][1], *(shape[0] for shape in convolutions)))


class ControlNetwork(nn.Module):
    """From a picture, and all that a UNet is told, to what is added to the UNet's feature maps."""

    stage = "control"
    """What it works on, for profiles."""

    def __init__(self, spec: ControlNetSpec) -> None:
        super().__init__()
        half = spec.half
        self.spec = spec
        self.time_embed = embedder(half.channels, 4 * half.channels)
        if half.vector is not None:
            self.label_emb = nn.Sequential(embedder(half.vector, 4 * half.channels))
        self.input_hint_block = nn.Sequential(*_hint_layers(spec.hint))
        self.input_blocks = nn.ModuleList(nn.ModuleList(block_layers(half, block)) for block in half.input)
        self.zero_convs = nn.ModuleList(nn.ModuleList([_pointwise(block.out_channels)]) for block in half.input)
        middle = BlockSpec(half.input[-1].out_channels, half.input[-1].out_channels)
        self.middle_block = nn.ModuleList(
            [*block_layers(half, replace(middle, depth=half.middle_depth)), *block_layers(half, middle)]
        )
        self.middle_block_out = nn.ModuleList([_pointwise(middle.out_channels)])

    def encode(self, picture: Tensor) -> Tensor:
        """Return a picture (batch, 3, 8 height, 8 width), 0 to 1, as features (batch, channels, height, width)."""
        return self.input_hint_block(picture)

    def forward(
        self, x: Tensor, timestep: Tensor, inputs: NetworkInputs, hint: Tensor, *, attend: Attention = sdpa
    ) -> Residuals:
        """Return what is added to what the UNet's input blocks hand over, and to its middle.

        Args:
            x: the scaled noisy latent (batch, channels, height, width).
            timestep: (batch,), 0 to 999; may be fractional.
            inputs: the conditioning.
            hint: the picture, encoded.
            attend: computes every attention.

        """
        embedding = self.time_embed(timestep_embedding(timestep, self.spec.half.channels).to(x.dtype))
        if self.spec.half.vector is not None and inputs.vector is not None:
            embedding = embedding + self.label_emb(inputs.vector)
        size = (x.shape[-2], x.shape[-1])

        def step(part: str, block: int) -> Step:
            return Step(embedding, Place(part, block, inputs, timestep, size), attend, UNPATCHED)

        skips: list[Tensor] = []
        for index, (layers, zero) in enumerate(zip(self.input_blocks, self.zero_convs, strict=True)):
            x = run_layers(layers, x, step("input", index))
            x = x + hint if index == 0 else x
            skips.append(_only(zero)(x))
        x = run_layers(self.middle_block, x, step("middle", 0))
        return Residuals(skips=tuple(skips), middle=self.middle_block_out[0](x))


def _only(layers: nn.Module) -> nn.Module:
    return next(layers.children())


def _pointwise(channels: int) -> nn.Conv2d:
    return nn.Conv2d(channels, channels, 1)


def _hint_layers(channels: tuple[int, ...]) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for place, stride in enumerate(_STRIDES):
        layers += [nn.Conv2d(channels[place], channels[place + 1], 3, stride=stride, padding=1), nn.SiLU()]
    return layers[:-1]
