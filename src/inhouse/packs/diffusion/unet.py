"""A diffusion model as a value: what travels on a ``MODEL`` wire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeAlias

from inhouse.packs.diffusion.patches import UNPATCHED, Patches
from inhouse.packs.diffusion.preview import SD, Colours

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch
    from torch import Tensor, nn

    from inhouse.packs.diffusion.handle import Handle
    from inhouse.packs.diffusion.lora import LoraApplication, Targets
    from inhouse.packs.diffusion.networks.inputs import NetworkInputs
    from inhouse.packs.diffusion.patches import Attention
    from inhouse.packs.diffusion.prediction import Prediction

    Told: TypeAlias = Mapping[str, Tensor]
    Conditioner: TypeAlias = Callable[[Mapping[str, Any], tuple[int, int]], Told]


@dataclass(frozen=True, slots=True)
class LatentFormat:
    """How a family's latents look.

    Attributes:
        channels: of a latent.
        downscale: pixels a latent position, along each side.
        scale_factor: what the autoencoder's latents are multiplied by to reach the network's unit variance.
        shift_factor: what is taken off them before.
        colours: what its channels look like, for previews.

    """

    channels: int = 4
    downscale: int = 8
    scale_factor: float = 0.18215
    shift_factor: float = 0.0
    colours: Colours = SD

    def into_model(self, latent: Tensor) -> Tensor:
        """Return the autoencoder's latent as the network knows it."""
        return (latent - self.shift_factor) * self.scale_factor

    def out_of_model(self, latent: Tensor) -> Tensor:
        """Return the network's latent as the autoencoder knows it."""
        return latent / self.scale_factor + self.shift_factor


class NetworkSpec(Protocol):
    """What has to be known of a network's architecture, whatever the family."""

    @property
    def in_channels(self) -> int:
        """Channels that it is shown; more than the latent's in inpainting models."""

    @property
    def context(self) -> int:
        """Channels of the conditioning that it takes."""

    @property
    def text_repeats(self) -> bool:
        """Whether text may be repeated to be as long as another: true where text is only attended to."""


def nothing_more(options: Mapping[str, Any], latent_size: tuple[int, int]) -> Told:
    """Tell a network nothing beside the text."""
    del options, latent_size
    return {}


@dataclass(frozen=True)
class DiffusionModel:
    """A denoising network and how it is meant to be used. Clones are cheap: they share the weights.

    Attributes:
        base: the network as its file has it.
        spec: the network's architecture.
        prediction: what the network predicts, over which noise levels.
        dtype: the type that it computes in.
        targets: the layers that a LoRA may name.
        latent_format: how its latents look.
        device: where it computes.
        loras: what is added to its weights, in order.
        options: settings of guidance and the like, by name; nothing here reads them.
        attention: computes every attention; None is torch's.
        patches: what is changed about the network, weights apart.
        conditioner: from an entry's options, with ``negative`` among them (whether it says what the picture does not
            show), and the latent's height and width to what the network is told beside the text: ``vector`` (1 or
            batch, channels) and ``guidance`` (1 or batch,), as `NetworkInputs` has them.
        engine: from a network to one that another runtime runs; None leaves it as it is.
        network: the network with the LoRAs added, then run by the engine; made by the methods below.

    """

    base: Handle[nn.Module]
    spec: NetworkSpec
    prediction: Prediction
    dtype: torch.dtype
    targets: Targets
    latent_format: LatentFormat = field(default_factory=LatentFormat)
    device: str = "cpu"
    loras: tuple[LoraApplication, ...] = ()
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    attention: Attention | None = None
    patches: Patches = UNPATCHED
    conditioner: Conditioner = nothing_more
    engine: Callable[[nn.Module], nn.Module] | None = None
    network: Handle[nn.Module] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        from inhouse.packs.diffusion.lora import patched

        network = self.base.derived(partial(patched, loras=self.loras)) if self.loras else self.base
        object.__setattr__(self, "network", network.derived(self.engine) if self.engine else network)

    @property
    def in_channels(self) -> int:
        """Channels that the network is shown; more than the latent's in inpainting models."""
        return self.spec.in_channels

    @property
    def context_width(self) -> int:
        """Channels of the conditioning that it takes."""
        return self.spec.context

    def with_lora(self, lora: LoraApplication) -> Self:
        """Return the model with one more LoRA on it."""
        return replace(self, loras=(*self.loras, lora))

    def with_prediction(self, prediction: Prediction) -> Self:
        """Return the model with another idea of what it predicts."""
        return self._same_network(prediction=prediction)

    def with_options(self, **options: Any) -> Self:
        """Return the model with some options changed."""
        return self._same_network(options=MappingProxyType({**self.options, **options}))

    def with_attention(self, attention: Attention | None) -> Self:
        """Return the model with every attention computed in another way, None by torch's; patches stay around it."""
        return self._same_network(attention=attention)

    def with_engine(self, engine: Callable[[nn.Module], nn.Module] | None) -> Self:
        """Return the model with its network, LoRAs and all, run by another runtime."""
        return replace(self, engine=engine)

    def with_dtype(self, dtype: torch.dtype) -> Self:
        """Return the model computing in another type."""
        return replace(self, base=self.base.computing_in(dtype), dtype=dtype)

    def with_patches(self, more: Patches) -> Self:
        """Return the model with more patches behind those that it has."""
        return self._same_network(patches=self.patches + more)

    def _same_network(self, **changes: Any) -> Self:
        """Return a clone that shares the patched network too, so that it is made once."""
        clone = replace(self, **changes)
        object.__setattr__(clone, "network", self.network)
        return clone

    def predict(
        self,
        x: Tensor,
        timestep: Tensor,
        inputs: NetworkInputs,
        *,
        patches: Patches = UNPATCHED,
    ) -> Tensor:
        """Return the network's raw output (batch, latent channels, height, width), float32.

        Args:
            x: the scaled noisy latent (batch, in_channels, height, width).
            timestep: (batch,), 0 to 999.
            inputs: the conditioning.
            patches: more of them, behind the model's own.

        """
        import torch

        from inhouse.packs.diffusion.networks.attention import sdpa

        changed = self.patches + patches
        with self.network.lease() as network, torch.inference_mode():
            call = partial(network, attend=changed.around_attention(self.attention or sdpa), patches=changed)
            output = changed.around_network(call)(
                x.to(self.device, self.dtype), timestep.to(self.device), inputs.placed(self.device, self.dtype)
            )
            return output.to(device=x.device, dtype=torch.float32)
