"""Guiders as custom ComfyUI packs hold them (``comfy.samplers.CFGGuider``), call them, and derive their own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from inhouse.compat.calls_in_progress import current_call
from inhouse.packs.diffusion import comfy_model
from inhouse.packs.diffusion.evaluation import ignore
from inhouse.packs.diffusion.sampling import Guider, Progress, sample_sigmas, unheard

if TYPE_CHECKING:
    from torch import Tensor

    from inhouse.compat.calls_in_progress import Call
    from inhouse.packs.diffusion.conditioning import Conditioning
    from inhouse.packs.diffusion.prediction import Prediction
    from inhouse.packs.diffusion.samplers.base import Denoiser, Sampler
    from inhouse.packs.diffusion.sampling import Guiding
    from inhouse.packs.diffusion.unet import DiffusionModel

Told: TypeAlias = "Callable[[int, Tensor, Tensor | None, int], object]"
"""Told of each step: its number from 0, the clean latent expected so far, the noisy one, the number of steps."""


class CFGGuider:
    """A model under conditionings and a guidance scale.

    Args:
        model_patcher: the model.

    """

    def __init__(self, model_patcher: Any) -> None:
        self.model_patcher = model_patcher
        self.model_options: dict[str, Any] = getattr(model_patcher, "model_options", {})
        self.cfg = 1.0
        self.original_conds: dict[str, Conditioning] = {}
        self.conds = self.original_conds
        self.own: Guider | None = None
        self.inner_model: Denoiser | None = None

    def set_conds(self, positive: Conditioning, negative: Conditioning) -> None:
        """Set what the picture shows, and what it does not."""
        self.inner_set_conds({"positive": positive, "negative": negative})

    def inner_set_conds(self, conds: dict[str, Conditioning]) -> None:
        """Set conditionings by their names, of which ``positive`` and ``negative`` are looked at."""
        self.original_conds = self.conds = dict(conds)

    def set_cfg(self, cfg: float) -> None:
        """Set the guidance scale."""
        self.cfg = cfg

    def predict_noise(
        self,
        x: Tensor,
        timestep: Tensor,
        model_options: object = None,  # noqa: ARG002 - packs call it so
        seed: int | None = None,  # noqa: ARG002 - as above
    ) -> Tensor:
        """Return the clean latent expected behind ``x`` at noise levels (batch,), within a sampling."""
        assert self.inner_model is not None
        return self.inner_model(x, timestep)

    def __call__(self, *arguments: Any, **named: Any) -> Tensor:
        """Predict, as ``predict_noise`` does."""
        return self.predict_noise(*arguments, **named)

    def sample(
        self,
        noise: Tensor,
        latent_image: Tensor,
        sampler: Sampler,
        sigmas: Tensor,
        denoise_mask: Tensor | None = None,
        callback: Told | None = None,
        disable_pbar: bool = False,  # noqa: ARG002, FBT001, FBT002 - as above; there is no bar but the caller's
        seed: int | None = None,
    ) -> Tensor:
        """Return a latent, sampled from given noise over given levels (steps + 1,)."""

        def tell(progress: Progress) -> None:
            if callback is not None:
                callback(progress.step - 1, progress.denoised, progress.noisy, progress.steps)

        call = current_call()
        found = sample_sigmas(
            inwards(self),
            sampler=sampler,
            sigmas=sigmas,
            seed=seed or 0,
            latent={"samples": latent_image, **({} if denoise_mask is None else {"noise_mask": denoise_mask})},
            noise=noise,
            callback=tell if callback else unheard,
            check=call.context.check if call else ignore,
        )
        samples: Tensor = found.latent["samples"]
        return samples

    def plain(self) -> Guider:
        """Return the guider of ours that it is, whatever a pack has made of how it predicts."""
        model: DiffusionModel = comfy_model.inwards(self.model_patcher)
        sides = self.conds.get("positive", ()), self.conds.get("negative", ())
        own = self.own or Guider(model, *sides, self.cfg)
        changed = replace(own, model=model, positive=sides[0], negative=sides[1], cfg=self.cfg)
        return replace(changed, **_asking(current_call()))


@dataclass(frozen=True)
class Derived:
    """A guider of a pack's own, which predicts otherwise."""

    theirs: CFGGuider
    own: Guider

    @property
    def model(self) -> DiffusionModel:
        """The network."""
        return self.own.model

    def denoiser(self, latent: Tensor, noise_mask: Tensor | None, check: Callable[[], None]) -> Denoiser:
        """Return the denoiser that the pack's guider stands for."""
        inner = self.own.denoiser(latent, noise_mask, check)
        self.theirs.inner_model = inner
        return _DerivedDenoiser(self.theirs, inner)


@dataclass(frozen=True)
class _DerivedDenoiser:
    theirs: CFGGuider
    inner: Denoiser

    @property
    def prediction(self) -> Prediction:
        return self.inner.prediction

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        return self.theirs.predict_noise(x, sigma, {}, None)

    def pair(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        return self(x, sigma), self.inner.pair(x, sigma)[1]


def outwards(value: Any) -> Any:
    """Return a guider of ours as packs hold it; anything else as it is."""
    if isinstance(value, Derived):
        return value.theirs
    if not isinstance(value, Guider):
        return value
    guider = CFGGuider(comfy_model.outwards(value.model))
    guider.own = value
    guider.set_conds(value.positive, value.negative)
    guider.set_cfg(value.cfg)
    return guider


def inwards(value: Any) -> Guiding | Any:
    """Return the guider of ours that a pack's stands for; anything else as it is."""
    if not isinstance(value, CFGGuider):
        return value
    plain = value.plain()
    derived = type(value).predict_noise is not CFGGuider.predict_noise
    return Derived(value, plain) if derived else plain


def _asking(call: Call | None) -> dict[str, Any]:
    from inhouse.packs.diffusion.nodes.sampling import asking

    return {} if call is None else {"ask": asking(call.context)}
