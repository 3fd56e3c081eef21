"""Sampling as custom ComfyUI packs call it (``comfy.sample``, ``comfy.samplers``): names and order of theirs."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from inhouse.packs.diffusion.choices import SAMPLER_NAMES, SCHEDULE_NAMES
from inhouse.packs.diffusion.comfy_guidance import calc_cond_batch
from inhouse.packs.diffusion.comfy_guiders import CFGGuider, Told
from inhouse.packs.diffusion.comfy_model import inwards, set_model_options_patch_replace
from inhouse.packs.diffusion.comfy_samplers import KSAMPLER
from inhouse.packs.diffusion.comfy_views import ModelSampling
from inhouse.packs.diffusion.sampling import find_sampler, schedule_sigmas

if TYPE_CHECKING:
    from torch import Tensor

    from inhouse.packs.diffusion.conditioning import Conditioning
    from inhouse.packs.diffusion.samplers.base import Sampler
    from inhouse.packs.diffusion.unet import DiffusionModel


def sample(  # noqa: PLR0913, PLR0917 - packs call it so
    model: DiffusionModel,
    noise: Tensor,
    steps: int,
    cfg: float,
    sampler_name: str,
    scheduler: str,
    positive: Conditioning,
    negative: Conditioning,
    latent_image: Tensor,
    denoise: float = 1.0,
    disable_noise: bool = False,  # noqa: FBT001, FBT002 - as above
    start_step: int | None = None,
    last_step: int | None = None,
    force_full_denoise: bool = False,  # noqa: FBT001, FBT002 - as above
    noise_mask: Tensor | None = None,
    sigmas: Tensor | None = None,
    callback: Told | None = None,
    disable_pbar: bool = False,  # noqa: ARG001, FBT001, FBT002 - as above; there is no bar but the caller's
    seed: int | None = None,
) -> Tensor:
    """Return a latent (batch, channels, height, width), sampled from given noise; else as ``sampling.sample``."""
    if sigmas is None:
        sigmas = schedule_sigmas(inwards(model).prediction, sampler_name, scheduler, steps, denoise)
    sigmas = _between(sigmas, start_step, last_step, end_clean=force_full_denoise)
    guider = CFGGuider(model)
    guider.set_conds(positive, negative)
    guider.set_cfg(cfg)
    start = noise * 0 if disable_noise else noise
    sampler = find_sampler(sampler_name)
    return guider.sample(start, latent_image, sampler, sigmas, noise_mask, callback, seed=seed)


def sample_custom(
    model: DiffusionModel,
    noise: Tensor,
    cfg: float,
    sampler: Sampler,
    sigmas: Tensor,
    positive: Conditioning,
    negative: Conditioning,
    latent_image: Tensor,
    noise_mask: Tensor | None = None,
    callback: Told | None = None,
    disable_pbar: bool = False,  # noqa: FBT001, FBT002 - as above
    seed: int | None = None,
) -> Tensor:
    """Return a latent, sampled from given noise over given levels (steps + 1,)."""
    guider = CFGGuider(model)
    guider.set_conds(positive, negative)
    guider.set_cfg(cfg)
    return guider.sample(noise, latent_image, sampler, sigmas, noise_mask, callback, disable_pbar, seed)


def calculate_sigmas(model_sampling: Any, scheduler_name: str, steps: int) -> Tensor:
    """Return the noise levels (steps + 1,) of a schedule."""
    prediction = model_sampling.prediction if isinstance(model_sampling, ModelSampling) else model_sampling
    return schedule_sigmas(prediction, "", scheduler_name, steps, 1.0)


class KSampler:
    """A sampler, a schedule and a number of steps for a model.

    Args:
        model: the network.
        steps: 1 or more.
        device: not looked at: the model knows where it computes.
        sampler: name of the sampler; the first one if it is unknown.
        scheduler: name of the schedule, likewise.
        denoise: how much of the noise to take away, 0..1.

    """

    SAMPLERS: ClassVar[list[str]] = list(SAMPLER_NAMES)
    SCHEDULERS: ClassVar[list[str]] = list(SCHEDULE_NAMES)

    def __init__(
        self,
        model: DiffusionModel,
        steps: int,
        device: object = None,  # noqa: ARG002 - packs call it so
        sampler: str | None = None,
        scheduler: str | None = None,
        denoise: float | None = None,
        model_options: object = None,  # noqa: ARG002 - as above
    ) -> None:
        self.model = model
        self.steps = steps
        self.sampler = sampler if sampler in SAMPLER_NAMES else SAMPLER_NAMES[0]
        self.scheduler = scheduler if scheduler in SCHEDULE_NAMES else SCHEDULE_NAMES[0]
        self.denoise = 1.0 if denoise is None else denoise
        self.sigmas = schedule_sigmas(inwards(model).prediction, self.sampler, self.scheduler, steps, self.denoise)

    def sample(  # noqa: PLR0913, PLR0917 - as above
        self,
        noise: Tensor,
        positive: Conditioning,
        negative: Conditioning,
        cfg: float,
        latent_image: Tensor | None = None,
        start_step: int | None = None,
        last_step: int | None = None,
        force_full_denoise: bool = False,  # noqa: FBT001, FBT002 - as above
        denoise_mask: Tensor | None = None,
        sigmas: Tensor | None = None,
        callback: Told | None = None,
        disable_pbar: bool = False,  # noqa: FBT001, FBT002 - as above
        seed: int | None = None,
    ) -> Tensor:
        """Return a latent; without one to start from, from noise alone."""
        levels = _between(
            self.sigmas if sigmas is None else sigmas, start_step, last_step, end_clean=force_full_denoise
        )
        start = noise * 0 if latent_image is None else latent_image
        sampler = find_sampler(self.sampler)
        return sample_custom(
            *(self.model, noise, cfg, sampler, levels, positive, negative, start),
            *(denoise_mask, callback, disable_pbar, seed),
        )


def _between(sigmas: Tensor, start_step: int | None, last_step: int | None, *, end_clean: bool) -> Tensor:
    if last_step is not None and last_step < len(sigmas) - 1:
        sigmas = sigmas[: last_step + 1].clone()
        if end_clean:
            sigmas[-1] = 0
    return sigmas[min(start_step or 0, len(sigmas) - 1) :]


MEMBERS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "comfy.sample": MappingProxyType({"sample": sample, "sample_custom": sample_custom}),
        "comfy.model_patcher": MappingProxyType({"set_model_options_patch_replace": set_model_options_patch_replace}),
        "comfy.samplers": MappingProxyType(
            {
                "KSampler": KSampler,
                "CFGGuider": CFGGuider,
                "KSAMPLER": KSAMPLER,
                "sampler_object": find_sampler,
                "ksampler": find_sampler,
                "calculate_sigmas": calculate_sigmas,
                "calc_cond_batch": calc_cond_batch,
            }
        ),
    }
)
"""What the modules have, by name."""
