"""Other ideas of what a model predicts, by the names that workflows give them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from inhouse.errors import ModelUnsupportedError, NodeInputError
from inhouse.packs.diffusion.noise_levels import AngleLevels, DiscreteLevels, LogLevels
from inhouse.packs.diffusion.prediction import (
    Consistency,
    Epsilon,
    Preconditioned,
    Prediction,
    Sample,
    Translation,
    Velocity,
)
from inhouse.packs.diffusion.unet import DiffusionModel, LatentFormat

if TYPE_CHECKING:
    from torch import Tensor

    from inhouse.packs.diffusion.noise_levels import NoiseLevels

LCM_STRIDE = 20
"""Timesteps between those that a latent consistency model is distilled at: Luo et al. (2023), section 5."""

_DISCRETE: Mapping[str, Callable[[NoiseLevels], Prediction]] = MappingProxyType(
    {"eps": Epsilon, "v_prediction": Velocity, "lcm": Consistency, "x0": Sample, "img_to_img": Translation}
)
_EDM_DEVIATION = 0.5
"""Standard deviation of the latents that EDM trains on."""


@dataclass(frozen=True, slots=True)
class NormalisedFormat(LatentFormat):
    """Latents of which each channel has a mean and a deviation of its own, as Playground 2.5 takes them.

    https://huggingface.co/playgroundai/playground-v2.5-1024px-aesthetic, vae/config.json.
    """

    scale_factor: float = 0.5
    means: tuple[float, ...] = (-1.6574, 1.886, -1.383, 2.5155)
    deviations: tuple[float, ...] = (8.4927, 5.9022, 6.5498, 5.2299)

    def into_model(self, latent: Tensor) -> Tensor:
        """Return the autoencoder's latent as the network knows it."""
        means, deviations = self._planes(latent)
        return (latent - means) * self.scale_factor / deviations

    def out_of_model(self, latent: Tensor) -> Tensor:
        """Return the network's latent as the autoencoder knows it."""
        means, deviations = self._planes(latent)
        return latent * deviations / self.scale_factor + means

    def _planes(self, latent: Tensor) -> tuple[Tensor, Tensor]:
        shape = (1, -1, *[1] * (latent.ndim - 2))
        return latent.new_tensor(self.means).reshape(shape), latent.new_tensor(self.deviations).reshape(shape)


def discrete(model: DiffusionModel, sampling: str, *, zero_terminal_snr: bool = False) -> DiffusionModel:
    """Return a model that predicts something else, over the timesteps of Stable Diffusion.

    Args:
        model: the network.
        sampling: ``eps``, ``v_prediction``, ``lcm``, ``x0`` or ``img_to_img``.
        zero_terminal_snr: whether nothing of the signal is left at the last timestep.

    """
    levels = DiscreteLevels.from_betas(zero_terminal_snr=zero_terminal_snr)
    return model.with_prediction(_DISCRETE[sampling](levels.every(LCM_STRIDE) if sampling == "lcm" else levels))


def continuous(model: DiffusionModel, sampling: str, low: float, high: float) -> DiffusionModel:
    """Return a model that knows every noise level between two by a quarter of its logarithm, as EDM trains.

    Args:
        model: the network.
        sampling: ``eps``, ``v_prediction``, ``edm`` or ``edm_playground_v2.5``, which has latents of its own.
        low: the lowest level.
        high: the highest.

    Raises:
        ModelUnsupportedError: no model that can be loaded predicts so.

    """
    _refuse_empty(low, high)
    levels = LogLevels(low, high)
    if sampling in {"edm", "edm_playground_v2.5"}:
        model = model.with_prediction(Preconditioned(levels, _EDM_DEVIATION))
        return replace(model, latent_format=NormalisedFormat()) if sampling != "edm" else model
    if sampling not in _DISCRETE:
        raise ModelUnsupportedError(
            f"No model that can be loaded here predicts {sampling!r}.", hint="Choose eps, v_prediction or edm."
        )
    return model.with_prediction(_DISCRETE[sampling](levels))


def continuous_velocity(model: DiffusionModel, low: float, high: float) -> DiffusionModel:
    """Return a model that predicts velocities and knows every noise level between two by its angle."""
    _refuse_empty(low, high)
    return model.with_prediction(Velocity(AngleLevels(low, high)))


def _refuse_empty(low: float, high: float) -> None:
    if low <= 0:
        raise NodeInputError("A level of 0 has no logarithm.", hint="Set sigma_min above 0.", input_name="sigma_min")
    if high <= low:
        raise NodeInputError(
            f"No level lies between {low:g} and {high:g}.",
            hint="Set sigma_max above sigma_min.",
            input_name="sigma_max",
        )
