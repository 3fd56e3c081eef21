"""From a file's parts to the values that travel on wires: the steps that families share."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import torch

from inhouse.backends.batching import Batches
from inhouse.backends.residency import Residency
from inhouse.backends.streaming import stream
from inhouse.errors import ModelFormatError
from inhouse.packs.diffusion.handle import Handle
from inhouse.packs.diffusion.lora import text_targets, unet_targets
from inhouse.packs.diffusion.names import unet_prefixes_of_spec
from inhouse.packs.diffusion.networks.autoencoder import Autoencoder, AutoencoderSpec
from inhouse.packs.diffusion.networks.clip import TextSpec, TextTransformer
from inhouse.packs.diffusion.networks.unet import UNet, UNetSpec
from inhouse.packs.diffusion.parameters import parameters_in_files
from inhouse.packs.diffusion.text_model import TextModel, TextModels
from inhouse.packs.diffusion.unet import DiffusionModel, LatentFormat, nothing_more
from inhouse.packs.diffusion.vae import Vae
from inhouse.packs.diffusion.weights import DTYPES, Weights, fill, shapes

if TYPE_CHECKING:
    from torch import nn

    from inhouse.packs.diffusion.lora import Targets
    from inhouse.packs.diffusion.prediction import Prediction
    from inhouse.packs.diffusion.unet import Conditioner, NetworkSpec

    N = TypeVar("N", bound=nn.Module)

S = TypeVar("S")

_log = logging.getLogger(__name__)

_AGAIN = "Download the whole model."


@dataclass(frozen=True, slots=True)
class Placement:
    """Where networks compute, and in which type.

    Attributes:
        dtype: of UNet and autoencoder. Text models always compute in float32: they are small, and run once a prompt.
        device: as torch calls it.
        rounded: a type that the UNet's weights are rounded to first, as if they had been stored in it.
        compact: keep weights in memory in the type of their file, or the one they are rounded to, and cast a layer's
            when it is called: half or a quarter of the memory, for some more work at each call.
        residency: decides which networks stay in memory; the same for all that are to share it.
        batches: decides how many samples are computed at once, likewise.

    """

    dtype: torch.dtype = torch.float32
    device: str = "cpu"
    rounded: torch.dtype | None = None
    compact: bool = False
    residency: Residency = field(default_factory=Residency, compare=False)
    batches: Batches = field(default_factory=Batches, compare=False)


class Checkpoint(NamedTuple):
    """What a checkpoint holds; None for what is missing from it."""

    model: DiffusionModel
    clip: TextModels | None
    vae: Vae | None


@dataclass(frozen=True, slots=True)
class Encoder:
    """What a family knows of its text model that the weights do not tell.

    Attributes:
        name: how files that serve several encoders call it.
        activation: ``quick_gelu`` or ``gelu``.
        default_layer: the layer that conditions, counted from the end.
        pad_token: fills a prompt up.
        prefixes: how LoRA files call it.
        normed: whether the layer that conditions goes through the last layer norm.
        projected: whether its pooled output is projected, where the file has a projection.

    """

    name: str
    activation: str
    default_layer: int
    pad_token: int
    prefixes: tuple[str, ...] = ("lora_te_", "lora_te1_", "text_encoder.")
    normed: bool = True
    projected: bool = True

    @property
    def part(self) -> str:
        """Its short name among a family's encoders: ``l``, ``g``, ``h``."""
        return self.name.removeprefix("clip_")

    def build(self, weights: Weights, placement: Placement) -> TextModel:
        """Return the text model; its weights are read when it is first asked."""
        return build_text_model(weights, self, placement)


def build_diffusion_model(
    weights: Weights,
    prediction: Prediction,
    placement: Placement,
    *,
    head_channels: int | None,
    latent_format: LatentFormat | None = None,
    conditioner: Conditioner = nothing_more,
) -> DiffusionModel:
    """Return a diffusion model; its weights are read when it is first asked.

    Raises:
        ModelFormatError: a part of the network is missing.

    """
    spec = read_spec(weights, lambda shaped: UNetSpec.from_shapes(shaped, head_channels=head_channels))
    targets = unet_targets(layer_shapes(weights), unet_prefixes_of_spec(spec))
    form = latent_format or LatentFormat()
    return assemble(
        weights,
        lambda: UNet(spec),
        placement,
        spec=spec,
        prediction=prediction,
        targets=targets,
        form=form,
        conditioner=conditioner,
    )


def assemble(
    weights: Weights,
    make: Callable[[], nn.Module],
    placement: Placement,
    *,
    spec: NetworkSpec,
    prediction: Prediction,
    targets: Targets,
    form: LatentFormat,
    conditioner: Conditioner = nothing_more,
) -> DiffusionModel:
    """Return a diffusion model around a network of any architecture; ``make`` builds it, without values."""
    return DiffusionModel(
        base=handle_of(make, weights, placement),
        spec=spec,
        prediction=prediction,
        dtype=placement.dtype,
        targets=targets,
        latent_format=form,
        device=placement.device,
        conditioner=conditioner,
    )


def build_text_model(weights: Weights, encoder: Encoder, placement: Placement) -> TextModel:
    """Return a text model; its weights are read when it is first asked.

    Raises:
        ModelFormatError: a part of the network is missing.

    """
    spec = read_spec(
        weights,
        lambda shaped: TextSpec.from_shapes(
            shaped,
            name=encoder.name,
            activation=encoder.activation,
            default_layer=encoder.default_layer,
            pad_token=encoder.pad_token,
            normed=encoder.normed,
            projected=encoder.projected,
        ),
    )
    stored = next(iter(weights.values())).info.dtype
    return TextModel(
        base=handle_of(lambda: TextTransformer(spec), weights, replace(placement, dtype=torch.float32, rounded=None)),
        spec=spec,
        targets=text_targets(layer_shapes(weights), encoder.prefixes),
        stored=DTYPES.get(stored, torch.float32),
        batches=placement.batches,
    )


def build_vae(weights: Weights, placement: Placement) -> Vae:
    """Return an autoencoder; its weights are read when it is first used.

    Where the rest computes in float16, autoencoders compute in float32: the feature maps of some exceed what float16
    can hold, and their pictures would be black.

    Raises:
        ModelFormatError: a part of the network is missing.

    """
    spec = read_spec(weights, AutoencoderSpec.from_shapes)
    dtype = torch.float32 if placement.dtype == torch.float16 else placement.dtype
    handle = handle_of(lambda: Autoencoder(spec), weights, replace(placement, dtype=dtype, rounded=None))
    return Vae(handle, spec, dtype, placement.device, placement.batches)


def read_spec(weights: Weights, read: Callable[[Mapping[str, tuple[int, ...]]], S]) -> S:
    """Return the architecture that ``read`` finds in the shapes of parameters.

    Raises:
        ModelFormatError: a part of the network is missing.

    """
    try:
        shaped = shapes(weights)
        _refuse_empty(weights, shaped)
        return read(shaped)
    except (KeyError, IndexError, ValueError) as error:
        raise ModelFormatError(
            f"{_source(weights)}: the network is incomplete, {error} is missing.", hint=_AGAIN
        ) from error


def _refuse_empty(weights: Weights, shaped: Mapping[str, tuple[int, ...]]) -> None:
    """Refuse parameters without values; what has no dot in its name is a mark on the file and no parameter."""
    for name, shape in shaped.items():
        if 0 in shape and "." in name:
            raise ModelFormatError(f"{_source(weights)}: weight {name!r} is empty, of shape {shape}.", hint=_AGAIN)


def _source(weights: Weights) -> str:
    return next(iter(weights.values())).file.path.name


def layer_shapes(weights: Weights) -> dict[str, tuple[int, ...]]:
    """Return layer -> its weight's shape."""
    return {name.removesuffix(".weight"): shape for name, shape in shapes(weights).items() if name.endswith(".weight")}


def handle_of(make: Callable[[], N], weights: Weights, placement: Placement) -> Handle[N]:
    """Return the handle of a network that ``make`` builds without values; they are read when it is first asked."""

    def filled(dtype: torch.dtype | None, device: str) -> N:
        try:
            with torch.device("meta"):
                network = make()
        except (ValueError, RuntimeError, IndexError) as error:
            raise ModelFormatError(f"{_source(weights)}: no network has these shapes: {error}.", hint=_AGAIN) from error
        fill(network, weights, dtype=dtype, device=device, rounded=placement.rounded)
        mega = nbytes / 1e6
        _log.info("%s: a network of %.0f MB is in memory.", _source(weights), mega, extra={"counts": "model_loads"})
        return network.eval()

    def streamed() -> N:
        network = filled(None, "cpu")
        stream(network, placement.device, placement.dtype)
        return network

    nbytes = sum(math.prod(origin.shape) for origin in weights.values()) * placement.dtype.itemsize
    return Handle(
        streamed if placement.compact else lambda: filled(placement.dtype, placement.device),
        nbytes=_stored_bytes(weights, placement.rounded) if placement.compact else nbytes,
        residency=placement.residency,
        device=placement.device,
        stream=streamed,
        parameters=parameters_in_files(weights, make, placement.rounded),
        recast=lambda dtype: handle_of(make, weights, replace(placement, dtype=dtype)),
    )


def _stored_bytes(weights: Weights, rounded: torch.dtype | None) -> int:
    each = ((origin, rounded or DTYPES.get(origin.info.dtype, torch.float32)) for origin in weights.values())
    return sum(math.prod(origin.shape) * dtype.itemsize for origin, dtype in each)
