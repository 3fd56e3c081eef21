"""ControlNets and T2I-adapters of the UNet families: `ControlModel`s around their networks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch

from inhouse.backends.batching import Batches
from inhouse.errors import ModelMismatchError
from inhouse.packs.diffusion.lora_family import family_title
from inhouse.packs.diffusion.networks.attention import sdpa
from inhouse.packs.diffusion.networks.inputs import Residuals
from inhouse.packs.diffusion.networks.unet import UNetSpec
from inhouse.packs.diffusion.resizing import resize

if TYPE_CHECKING:
    from torch import Tensor, nn

    from inhouse.packs.diffusion.handle import Handle
    from inhouse.packs.diffusion.networks.control_net import ControlNetSpec, ControlNetwork
    from inhouse.packs.diffusion.networks.inputs import NetworkInputs
    from inhouse.packs.diffusion.unet import DiffusionModel

_WHOLE = 16
"""Pixels along each side that adapters take apart at once, at the most."""


@dataclass(frozen=True)
class ControlNet:
    """A ControlNet.

    Attributes:
        name: the file's name.
        network: its network.
        spec: its architecture.
        dtype: the type that it computes in.
        device: where it computes.
        pooled: whether each of its feature maps counts by its mean alone, as for a shuffled picture.
        batches: how many samples it works on at once.

    """

    name: str
    network: Handle[ControlNetwork]
    spec: ControlNetSpec
    dtype: torch.dtype
    device: str = "cpu"
    pooled: bool = False
    batches: Batches = field(default_factory=Batches, compare=False, repr=False)

    def check(self, model: DiffusionModel) -> None:
        """Make sure that it is a copy of the model's own way down."""
        half, unet = self.spec.half, model.spec
        ours = _described(half.context, half)
        if not isinstance(unet, UNetSpec):
            raise _mismatch(f"ControlNet {self.name}", ours, _described(model.context_width, None))
        same = (half.context, half.vector) == (unet.context, unet.vector)
        channels, theirs = ([block.out_channels for block in spec.input] for spec in (half, unet))
        if not same or channels != theirs:
            raise _mismatch(f"ControlNet {self.name}", ours, _described(unet.context, unet))

    def encode(self, picture: Tensor) -> tuple[Tensor, ...]:
        """Return the picture's features (batch, channels, height / 8, width / 8)."""
        with self.network.lease() as network, torch.inference_mode():
            return (network.encode(picture.to(self.device, self.dtype)),)

    def residuals(self, x: Tensor, timestep: Tensor, inputs: NetworkInputs, features: tuple[Tensor, ...]) -> Residuals:
        """Return what it adds to what the UNet's input blocks hand over, and to its middle."""

        def run(part: slice) -> tuple[Residuals, int]:
            with self.network.lease() as network, torch.inference_mode():
                found: Residuals = network(
                    x[part, : self.spec.half.in_channels].to(self.device, self.dtype),
                    timestep[part].to(self.device),
                    inputs.mapped(lambda rows: rows[part]).placed(self.device, self.dtype),
                    features[0][part],
                    attend=sdpa,
                )
            return found.mapped(_means) if self.pooled else found, part.stop - part.start

        shape = tuple(x.shape[1:])
        what = f"one latent of {'x'.join(map(str, shape))} in ControlNet {self.name}"
        parts = self.batches.run(len(x), run, (self.spec, self.dtype, shape), device=self.device, what=what)
        return parts[0][0] if len(parts) == 1 else Residuals.join(parts) or Residuals()


@dataclass(frozen=True)
class Adapter:
    """A T2I-adapter: Mou et al. (2023), https://arxiv.org/abs/2302.08453.

    Attributes:
        name: the file's name.
        network: from a picture to feature maps, one a level.
        picture_channels: channels of the picture that it looks at; 1 is grey.
        places: the input block that each of its feature maps is added to; None for the middle.
        channels: of its feature maps.
        dtype: the type that it computes in.
        device: where it computes.

    """

    name: str
    network: Handle[nn.Module]
    picture_channels: int
    places: tuple[int | None, ...]
    channels: tuple[int, ...]
    dtype: torch.dtype
    device: str = "cpu"

    def check(self, model: DiffusionModel) -> None:
        """Make sure that the model has blocks of the adapter's channels where the adapter adds to them."""
        unet = model.spec if isinstance(model.spec, UNetSpec) else None
        if unet is None or self.channels != _channels_at(unet, self.places):
            wanted = f"a UNet whose levels have {', '.join(map(str, self.channels))} channels"
            raise _mismatch(f"T2I-adapter {self.name}", wanted, _described(model.context_width, unet))

    def encode(self, picture: Tensor) -> tuple[Tensor, ...]:
        """Return feature maps (batch, channels, height, width), one a level."""
        shown = picture.mean(dim=1, keepdim=True) if self.picture_channels == 1 else picture
        rows, columns = (-(-side // _WHOLE) * _WHOLE for side in shown.shape[-2:])
        shown = resize(shown, columns, rows, "nearest-exact")
        with self.network.lease() as network, torch.inference_mode():
            return tuple(network(shown.to(self.device, self.dtype)))

    def residuals(self, x: Tensor, timestep: Tensor, inputs: NetworkInputs, features: tuple[Tensor, ...]) -> Residuals:
        """Return the feature maps at the ends of the UNet's levels."""
        del x, timestep, inputs
        found = dict(zip(self.places, features, strict=True))
        last = max(place for place in self.places if place is not None)
        return Residuals(inputs=tuple(found.get(place) for place in range(last + 1)), middle=found.get(None))


def _channels_at(unet: UNetSpec, places: tuple[int | None, ...]) -> tuple[int, ...]:
    return tuple(unet.input[-1 if place is None else min(place, len(unet.input) - 1)].out_channels for place in places)


def _means(maps: Tensor) -> Tensor:
    return maps.mean(dim=(2, 3), keepdim=True).expand_as(maps)


def _described(width: int, spec: UNetSpec | None) -> str:
    """Return what a network is, in words that tell it from others."""
    if spec is None:
        return "no UNet"
    levels = "-".join(str(channels) for channels in dict.fromkeys(block.out_channels for block in spec.input))
    return f"{family_title((), width) or 'another family'} (conditioning {width} wide, channels {levels})"


def _mismatch(what: str, wanted: str, present: str) -> ModelMismatchError:
    return ModelMismatchError(
        f"{what} was made for {wanted}, and the model is {present}.",
        hint="Choose a control of the model's own family.",
    )
