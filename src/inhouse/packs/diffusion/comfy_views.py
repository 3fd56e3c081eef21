"""Parts of a model as custom ComfyUI packs look at them: its noise levels, its latents, its configuration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from inhouse.packs.diffusion.prediction import Prediction

if TYPE_CHECKING:
    from torch import Tensor

    from inhouse.packs.diffusion.unet import DiffusionModel, LatentFormat


@dataclass(frozen=True)
class ModelSampling:
    """What a model predicts, over which noise levels (``model_sampling``)."""

    prediction: Prediction

    @property
    def sigmas(self) -> Tensor:
        """Noise levels in rising order."""
        return self.prediction.sigmas

    @property
    def log_sigmas(self) -> Tensor:
        """Their logarithms."""
        return self.prediction.log_sigmas

    @property
    def sigma_min(self) -> Tensor:
        """The lowest level, ()."""
        return self.prediction.sigmas[0]

    @property
    def sigma_max(self) -> Tensor:
        """The highest level, ()."""
        return self.prediction.sigmas[-1]

    @property
    def sigma_data(self) -> float:
        """Standard deviation of the clean latents."""
        return self.prediction.sigma_data

    def timestep(self, sigma: Tensor) -> Tensor:
        """Return the timesteps of noise levels."""
        return self.prediction.timestep(sigma)

    def sigma(self, timestep: Tensor) -> Tensor:
        """Return the noise levels of timesteps."""
        return self.prediction.sigma(timestep)

    def percent_to_sigma(self, percent: float) -> float:
        """Return the noise level after a share of the sampling; a number above all where there is none."""
        return min(self.prediction.percent_to_sigma(percent), 999_999_999.9)

    def calculate_input(self, sigma: Tensor, noise: Tensor) -> Tensor:
        """Return what the network is shown."""
        return self.prediction.scale_input(noise, sigma)

    def calculate_denoised(self, sigma: Tensor, model_output: Tensor, model_input: Tensor) -> Tensor:
        """Return the clean latent that the network's output stands for."""
        return self.prediction.denoised(model_output, model_input, sigma)

    def noise_scaling(
        self,
        sigma: Tensor,
        noise: Tensor,
        latent_image: Tensor,
        max_denoise: bool = False,  # noqa: FBT001, FBT002 - packs call it so
    ) -> Tensor:
        """Return a latent with noise on it."""
        return self.prediction.noise_scaling(sigma, noise, latent_image, max_denoise=max_denoise)

    def inverse_noise_scaling(self, sigma: Tensor, latent: Tensor) -> Tensor:
        """Return the latent that a sampler's result stands for."""
        return self.prediction.inverse_noise_scaling(sigma, latent)


@dataclass(frozen=True)
class ForeignPrediction(Prediction):
    """What an object that a pack made for ``model_sampling`` says; for what it does not, the model's own counts."""

    theirs: Any = None

    def timestep(self, sigma: Tensor) -> Tensor:
        """Return the timesteps that it gives noise levels."""
        found: Tensor = self.theirs.timestep(sigma)
        return found

    def sigma(self, timestep: Tensor) -> Tensor:
        """Return the noise levels that it gives timesteps."""
        found: Tensor = self.theirs.sigma(timestep)
        return found

    def scale_input(self, x: Tensor, sigma: Tensor) -> Tensor:
        """Return what it shows the network."""
        found: Tensor = self.theirs.calculate_input(sigma, x)
        return found

    def denoised(self, output: Tensor, x: Tensor, sigma: Tensor) -> Tensor:
        """Return what it makes of the network's output."""
        found: Tensor = self.theirs.calculate_denoised(sigma, output, x)
        return found


def prediction_of(sampling: Any, own: Prediction) -> Prediction:
    """Return what a pack's ``model_sampling`` says; ``own`` is the model's."""
    if isinstance(sampling, ModelSampling):
        return sampling.prediction
    return sampling if isinstance(sampling, Prediction) else ForeignPrediction(own.levels, own.sigma_data, sampling)


@dataclass(frozen=True)
class LatentView:
    """How a model's latents look (``latent_format``)."""

    form: LatentFormat

    @property
    def scale_factor(self) -> float:
        """What latents are multiplied by to reach the network's unit variance."""
        return self.form.scale_factor

    @property
    def latent_channels(self) -> int:
        """Channels of a latent."""
        return self.form.channels

    @property
    def latent_rgb_factors(self) -> None:
        """None: previews are made by the nodes that sample."""

    def process_in(self, latent: Tensor) -> Tensor:
        """Return the autoencoder's latent as the network knows it."""
        return self.form.into_model(latent)

    def process_out(self, latent: Tensor) -> Tensor:
        """Return the network's latent as the autoencoder knows it."""
        return self.form.out_of_model(latent)


@dataclass(frozen=True)
class ModelConfig:
    """A model's configuration (``model.model_config``)."""

    host: DiffusionModel

    @property
    def unet_config(self) -> dict[str, Any]:
        """The architecture, as far as packs ask for it."""
        spec: Any = self.host.spec
        return {
            "in_channels": self.host.in_channels,
            "out_channels": self.host.latent_format.channels,
            "context_dim": self.host.context_width,
            "model_channels": getattr(spec, "channels", None),
            "adm_in_channels": getattr(spec, "vector", None),
            "use_linear_in_transformer": getattr(spec, "linear", None),
            "num_head_channels": getattr(spec, "head_channels", None) or -1,
        }

    @property
    def latent_format(self) -> LatentView:
        """How its latents look."""
        return LatentView(self.host.latent_format)


@dataclass(frozen=True)
class BaseModel:
    """The model inside of what travels on a wire (``model.model``)."""

    host: DiffusionModel
    model_sampling: Any

    @property
    def model_config(self) -> ModelConfig:
        """Its configuration."""
        return ModelConfig(self.host)

    @property
    def latent_format(self) -> LatentView:
        """How its latents look."""
        return LatentView(self.host.latent_format)

    @property
    def diffusion_model(self) -> Any:
        """The network, in memory from now on."""
        return self.host.network.get()

    @property
    def device(self) -> str:
        """Where it computes."""
        return self.host.device

    def get_dtype(self) -> Any:
        """Return the type that it computes in."""
        return self.host.dtype

    def process_latent_in(self, latent: Tensor) -> Tensor:
        """Return the autoencoder's latent as the network knows it."""
        return self.host.latent_format.into_model(latent)

    def process_latent_out(self, latent: Tensor) -> Tensor:
        """Return the network's latent as the autoencoder knows it."""
        return self.host.latent_format.out_of_model(latent)
