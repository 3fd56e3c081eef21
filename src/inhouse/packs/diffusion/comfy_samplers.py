"""Samplers that custom ComfyUI packs write: functions in the manner of k-diffusion (``comfy.samplers.KSAMPLER``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inhouse.packs.diffusion.comfy_views import ModelSampling
from inhouse.packs.diffusion.samplers.base import Callback, Denoiser, Step, ignore

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor

    from inhouse.packs.diffusion.noise import NoiseSource


class KSAMPLER:
    """A sampler made of a function of a pack's.

    Args:
        sampler_function: ``(model, x, sigmas, extra_args=..., callback=..., disable=..., **extra_options)``, as in
            https://github.com/crowsonkb/k-diffusion.
        extra_options: more of its arguments.

    """

    def __init__(
        self,
        sampler_function: Callable[..., Any],
        extra_options: Mapping[str, Any] | None = None,
        inpaint_options: object = None,  # noqa: ARG002 - packs call it so
    ) -> None:
        self.sampler_function = sampler_function
        self.extra_options = dict(extra_options or {})

    def __call__(
        self, denoiser: Denoiser, x: Tensor, sigmas: Tensor, *, noise: NoiseSource, callback: Callback = ignore
    ) -> Tensor:
        """Return the latent at the last level; see :class:`.samplers.base.Sampler`."""

        def tell(told: Mapping[str, Any]) -> None:
            callback(Step(told["i"], float(told["sigma"]), told["x"], told["denoised"]))

        extra = {"seed": noise.seed, "model_options": {}}
        found: Tensor = self.sampler_function(
            _Asked(denoiser), x, sigmas, extra_args=extra, callback=tell, disable=True, **self.extra_options
        )
        return found


class _Asked:
    """A denoiser as such functions call it."""

    def __init__(self, denoiser: Denoiser) -> None:
        self._denoiser = denoiser

    def __call__(self, x: Tensor, sigma: Tensor, **extra: Any) -> Tensor:
        del extra
        return self._denoiser(x, sigma)

    @property
    def inner_model(self) -> _Asked:
        """The same."""
        return self

    @property
    def model_sampling(self) -> ModelSampling:
        """The model's noise levels."""
        return ModelSampling(self._denoiser.prediction)
