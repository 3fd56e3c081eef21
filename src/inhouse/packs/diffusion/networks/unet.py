"""The UNet of latent diffusion: Stable Diffusion 1 and 2, and their smaller or pruned variants."""

# A module's call is untyped in torch.
# mypy: disable-error-code="no-any-return, no-untyped-call"

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor, nn

from inhouse.packs.diffusion.networks.attention import SpatialTransformer, sdpa
from inhouse.packs.diffusion.networks.inputs import NetworkInputs, Residuals, added
from inhouse.packs.diffusion.networks.numbering import consecutive
from inhouse.packs.diffusion.networks.residual import (
    Convolution,
    Downsample,
    ResidualBlock,
    Step,
    Upsample,
    timestep_embedding,
)
from inhouse.packs.diffusion.patches import UNPATCHED, Attention, Patches, Place


@dataclass(frozen=True, slots=True)
class BlockSpec:
    """One block of the U.

    Attributes:
        in_channels: what comes in; on the way up with the channels from the other side.
        out_channels: what goes out.
        depth: transformer blocks in it; 0 for no attention.
        resample: "" (residual), "in" (the first convolution), "down" (nothing but downsampling), "up" (then upsample).

    """

    in_channels: int
    out_channels: int
    depth: int = 0
    resample: str = ""


@dataclass(frozen=True, slots=True)
class UNetSpec:
    """A UNet's architecture, read off its parameters' shapes.

    Attributes:
        channels: the model's base channels, of the timestep's embedding too.
        out_channels: the latent's channels.
        context: channels of the prompt's conditioning.
        vector: channels of the pooled conditioning that is added to the timestep's (SDXL); None without.
        linear: whether the transformers' projections are stored as linear layers (since SD 2).
        head_channels: channels an attention head; None for 8 heads at every level (SD 1).
        input, output: the blocks on the way down and up.
        middle_depth: transformer blocks in the middle.

    """

    channels: int
    out_channels: int
    context: int
    vector: int | None
    linear: bool
    head_channels: int | None
    input: tuple[BlockSpec, ...]
    output: tuple[BlockSpec, ...]
    middle_depth: int

    @property
    def text_repeats(self) -> bool:
        """Whether text may be repeated to be as long as another: attention over all of it twice is the same as once."""
        return True

    @property
    def in_channels(self) -> int:
        """Channels that the network is shown: the latent's, with mask and masked latent in inpainting models 9."""
        return self.input[0].in_channels

    def heads(self, channels: int) -> int:
        """Return the number of attention heads at this many channels."""
        return channels // self.head_channels if self.head_channels else 8

    @classmethod
    def from_shapes(cls, shapes: Mapping[str, tuple[int, ...]], *, head_channels: int | None) -> Self:
        """Read the architecture off the shapes of parameters named ``input_blocks.0.0.weight`` and so on.

        Raises:
            KeyError: a parameter is missing that any such UNet has; its name is the argument.

        """
        inputs = [_input_block(shapes, f"input_blocks.{index}") for index in _indices(shapes, "input_blocks")]
        outputs = [_output_block(shapes, f"output_blocks.{index}") for index in _indices(shapes, "output_blocks")]
        projections = [name for name in shapes if name.endswith(".proj_in.weight")]
        contexts = [shape for name, shape in shapes.items() if name.endswith("attn2.to_k.weight")]
        return cls(
            channels=shapes["time_embed.0.weight"][1],
            out_channels=shapes["out.2.weight"][0],
            context=contexts[0][1] if contexts else 0,
            vector=shapes["label_emb.0.0.weight"][1] if "label_emb.0.0.weight" in shapes else None,
            linear=bool(projections) and len(shapes[projections[0]]) == 2,
            head_channels=head_channels,
            input=tuple(inputs),
            output=tuple(outputs),
            middle_depth=_depth(shapes, "middle_block.1"),
        )


def _indices(shapes: Mapping[str, object], prefix: str) -> range:
    return range(consecutive(int(name.split(".")[1]) for name in shapes if name.startswith(prefix + ".")))


def _depth(shapes: Mapping[str, object], prefix: str) -> int:
    start = prefix + ".transformer_blocks."
    return consecutive(int(name[len(start) :].split(".")[0]) for name in shapes if name.startswith(start))


def _input_block(shapes: Mapping[str, tuple[int, ...]], prefix: str) -> BlockSpec:
    for name, resample in ((f"{prefix}.0.weight", "in"), (f"{prefix}.0.op.weight", "down")):
        if name in shapes:
            return BlockSpec(shapes[name][1], shapes[name][0], 0, resample)
    out_channels, in_channels = shapes[f"{prefix}.0.in_layers.2.weight"][:2]
    return BlockSpec(in_channels, out_channels, _depth(shapes, f"{prefix}.1"))


def _output_block(shapes: Mapping[str, tuple[int, ...]], prefix: str) -> BlockSpec:
    up = any(f"{prefix}.{index}.conv.weight" in shapes for index in (1, 2))
    return replace(_input_block(shapes, prefix), resample="up" if up else "")


class UNet(nn.Module):
    """Predicts noise (or velocity) from a noisy latent, a timestep and a prompt's conditioning."""

    stage = "steps"
    """What it works on, for profiles."""

    def __init__(self, spec: UNetSpec) -> None:
        super().__init__()
        self.spec = spec
        embedding = 4 * spec.channels
        self.time_embed = embedder(spec.channels, embedding)
        if spec.vector is not None:
            self.label_emb = nn.Sequential(embedder(spec.vector, embedding))
        self.input_blocks = nn.ModuleList(nn.ModuleList(block_layers(spec, block)) for block in spec.input)
        middle = spec.input[-1].out_channels
        residual = BlockSpec(middle, middle)
        self.middle_block = nn.ModuleList(
            [*block_layers(spec, replace(residual, depth=spec.middle_depth)), *block_layers(spec, residual)]
        )
        self.output_blocks = nn.ModuleList(nn.ModuleList(block_layers(spec, block)) for block in spec.output)
        last = spec.output[-1].out_channels
        self.out = nn.Sequential(nn.GroupNorm(32, last), nn.SiLU(), nn.Conv2d(last, spec.out_channels, 3, padding=1))

    def forward(
        self,
        x: Tensor,
        timestep: Tensor,
        inputs: NetworkInputs,
        *,
        attend: Attention = sdpa,
        patches: Patches = UNPATCHED,
    ) -> Tensor:
        """Return the prediction (batch, out_channels, height, width).

        Args:
            x: the scaled noisy latent (batch, in_channels, height, width).
            timestep: (batch,), 0 to 999; may be fractional.
            inputs: the conditioning.
            attend: computes every attention.
            patches: what is changed on the way; those around attention and network are the caller's.

        """
        embedding = self.time_embed(timestep_embedding(timestep, self.spec.channels).to(x.dtype))
        if self.spec.vector is not None and inputs.vector is not None:
            embedding = embedding + self.label_emb(inputs.vector)
        residuals, latent_size = inputs.residuals or Residuals(), (x.shape[-2], x.shape[-1])

        def step(part: str, block: int, size: tuple[int, int] | None = None) -> Step:
            return Step(embedding, Place(part, block, inputs, timestep, latent_size), attend, patches, size)

        skips: list[Tensor] = []
        for index, layers in enumerate(self.input_blocks):
            here = step("input", index)
            x = added(run_layers(layers, x, here), residuals.inputs, index)
            for change in patches.entering:
                x = change(x, here.place)
            skips.append(x)
            for change in patches.kept:
                x = change(x, here.place)
        here = step("middle", 0)
        x = added(run_layers(self.middle_block, x, here), (residuals.middle,), 0)
        for change in patches.middle:
            x = change(x, here.place)
        for index, layers in enumerate(self.output_blocks):
            skip = skips.pop()
            skip = added(skip, residuals.skips, len(skips))
            here = step("output", index, (skips[-1].shape[-2], skips[-1].shape[-1]) if skips else None)
            for join in patches.joining:
                x, skip = join(x, skip, here.place)
            x = run_layers(layers, torch.cat([x, skip], dim=1), here)
        return self.out(x)


def embedder(channels: int, embedding: int) -> nn.Sequential:
    """Return two layers from a vector of channels to the embedding that every residual block is given."""
    return nn.Sequential(nn.Linear(channels, embedding), nn.SiLU(), nn.Linear(embedding, embedding))


def block_layers(spec: UNetSpec, block: BlockSpec) -> Iterator[nn.Module]:
    """Return the layers of a block, each called with a feature map and a `Step`."""
    if block.resample == "in":
        yield Convolution(block.in_channels, block.out_channels)
    elif block.resample == "down":
        yield Downsample(block.in_channels)
    else:
        yield ResidualBlock(block.in_channels, block.out_channels, 4 * spec.channels)
        if block.depth:
            heads = spec.heads(block.out_channels)
            yield SpatialTransformer(block.out_channels, spec.context, heads, block.depth)
        if block.resample == "up":
            yield Upsample(block.out_channels)


def run_layers(layers: nn.Module, x: Tensor, step: Step) -> Tensor:
    """Return a feature map (batch, channels, height, width) after the layers of a block."""
    for layer in layers.children():
        x = layer(x, step)
    return x
