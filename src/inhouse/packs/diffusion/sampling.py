"""From noise to a latent: what a ``KSampler`` does around a sampler."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

from inhouse.backends.sharing import SharedSteps
from inhouse.errors import InterruptedRunError, NodeInputError, NotFiniteError
from inhouse.packs.diffusion.evaluation import Ask, ignore
from inhouse.packs.diffusion.guidance import guided
from inhouse.packs.diffusion.masking import MaskedDenoiser, opening_of
from inhouse.packs.diffusion.preview import SD, Colours, latent_to_rgb
from inhouse.packs.diffusion.resizing import repeat_to, resize_mask

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from inhouse.packs.diffusion.conditioning import Conditioning
    from inhouse.packs.diffusion.noise import NoiseMaker
    from inhouse.packs.diffusion.prediction import Prediction
    from inhouse.packs.diffusion.samplers.base import Denoiser, Sampler, Step
    from inhouse.packs.diffusion.unet import DiffusionModel, LatentFormat
    from inhouse.wires import Latent


@dataclass(frozen=True)
class Progress:
    """What is told about a sampling after each step.

    Attributes:
        step: steps done, from 1.
        steps: steps in all.
        denoised: the clean latent expected so far, (batch, channels, height, width) as the network sees it.
        noisy: the latent that the sampler has come to; None where that is not told.
        colours: what its channels look like.

    """

    step: int
    steps: int
    denoised: Tensor
    noisy: Tensor | None = None
    colours: Colours = SD

    def preview(self) -> NDArray[np.uint8]:
        """Return a small 8-bit RGB picture (height, width, 3) of the first sample."""
        return latent_to_rgb(self.denoised, self.colours)


Callback = Callable[[Progress], None]
"""Told of each step. It stops the sampling by raising InterruptedRunError."""


def unheard(progress: Progress) -> None:
    """Do nothing with progress."""


class Sampled(NamedTuple):
    """A latent at the end of a sampling, and the clean one expected behind it (the same unless noise was left)."""

    latent: Latent
    denoised: Latent


class Guiding(Protocol):
    """A model told what to draw: what travels on a ``GUIDER`` wire."""

    @property
    def model(self) -> DiffusionModel:
        """The network."""

    def denoiser(self, latent: Tensor, noise_mask: Tensor | None, check: Callable[[], None]) -> Denoiser:
        """Return the denoiser for a latent and its mask; ``check`` runs before each call of the network."""


@dataclass(frozen=True)
class Guider:
    """A model under conditionings and a guidance scale: what makes a denoiser for a latent.

    Attributes:
        model: the network.
        positive: says what the picture shows.
        negative: says what it does not; empty where there is no guidance.
        cfg: the guidance scale, 0..100.
        others: further sides, for guidance that has more than two.
        ask: how the network is called: alone, in step with other runs, or by itself for as many samples as fit.

    """

    model: DiffusionModel
    positive: Conditioning
    negative: Conditioning = ()
    cfg: float = 1.0
    others: tuple[Conditioning, ...] = ()
    ask: Ask = field(default_factory=lambda: SharedSteps().ask)

    def denoiser(self, latent: Tensor, noise_mask: Tensor | None, check: Callable[[], None]) -> Denoiser:
        """Return the denoiser for a latent and its mask; ``check`` runs before each call of the network."""
        return guided(
            self.model,
            self.positive,
            self.negative,
            self.cfg,
            latent,
            others=self.others,
            noise_mask=noise_mask,
            check=check,
            ask=self.ask,
        )


def sample(  # noqa: PLR0913 - they are the sockets of KSampler and KSamplerAdvanced
    model: DiffusionModel,
    *,
    seed: int,
    steps: int,
    cfg: float,
    sampler: str,
    schedule: str,
    positive: Conditioning,
    negative: Conditioning,
    latent: Latent,
    denoise: float = 1.0,
    start_step: int = 0,
    last_step: int | None = None,
    force_full_denoise: bool = True,
    disable_noise: bool = False,
    ask: Ask | None = None,
    callback: Callback = unheard,
    check: Callable[[], None] = ignore,
) -> Latent:
    """Sample a latent, as ``KSampler`` and ``KSamplerAdvanced`` do.

    Args:
        model: the network, with its guidance.
        seed: of the noise, 0..2^64 - 1.
        steps: of the whole schedule, 1 or more.
        cfg: the guidance scale, 0..100.
        sampler: name of the sampler.
        schedule: name of the schedule.
        positive: says what the picture shows.
        negative: says what it does not.
        latent: where to start from; its ``noise_mask`` limits what changes, its ``batch_index`` picks the noise.
        denoise: how much of the noise to add and take away, 0..1; 0 returns the latent as it is.
        start_step: the first step to run; the ones before are taken as done.
        last_step: the step before which to stop; None runs to the end.
        force_full_denoise: whether the last step ends without noise, wherever it stops.
        disable_noise: start from the latent as it is, without fresh noise.
        ask: how the network is called; see :class:`Guider`.
        callback: told of each step.
        check: called before each call of the network; it stops the sampling by raising InterruptedRunError.

    Returns:
        The latent, on the CPU, with whatever else the input carried.

    Raises:
        InterruptedRunError: ``callback`` or ``check`` raised it; ``partial`` is the clean latent expected so far.
        NodeInputError: no sampler or schedule goes by that name, or the latent does not fit the model.
        OutOfMemoryError: the device's memory does not suffice.

    """
    sigmas = schedule_sigmas(model.prediction, sampler, schedule, steps, denoise)
    if last_step is not None and last_step < len(sigmas) - 1:
        sigmas = sigmas[: last_step + 1].clone()
        if force_full_denoise:
            sigmas[-1] = 0
    return sample_sigmas(
        Guider(model, positive, negative, cfg, ask=ask or SharedSteps().ask),
        sampler=find_sampler(sampler),
        sigmas=sigmas[start_step:],
        seed=seed,
        latent=latent,
        disable_noise=disable_noise,
        callback=callback,
        check=check,
    ).latent


def schedule_sigmas(prediction: Prediction, sampler: str, schedule: str, steps: int, denoise: float) -> Tensor:
    """Return the noise levels (steps + 1,) that a sampler steps through, both by name.

    Raises:
        NodeInputError: no schedule goes by that name.

    """
    from inhouse.packs.diffusion.schedules import SCHEDULES, sampler_sigmas

    if schedule not in SCHEDULES:
        raise _unknown("schedule", schedule, SCHEDULES)
    return sampler_sigmas(sampler, schedule, prediction, steps, denoise=denoise)


def find_sampler(name: str) -> Sampler:
    """Return the sampler of that name.

    Raises:
        NodeInputError: there is none.

    """
    from inhouse.packs.diffusion.samplers.registry import SAMPLERS

    if name not in SAMPLERS:
        raise _unknown("sampler", name, SAMPLERS)
    return SAMPLERS[name]


def _unknown(kind: str, name: str, known: Mapping[str, object]) -> NodeInputError:
    return NodeInputError(f"There is no {kind} {name!r}.", hint=f"There are: {', '.join(known)}.")


def sample_sigmas(
    guider: Guiding,
    *,
    sampler: Sampler,
    sigmas: Tensor,
    seed: int,
    latent: Latent,
    noise: Tensor | None = None,
    disable_noise: bool = False,
    callback: Callback = unheard,
    check: Callable[[], None] = ignore,
) -> Sampled:
    """Sample a latent over given noise levels (steps + 1,), as ``SamplerCustom`` does; else as :func:`sample`.

    ``noise``, of the latent's shape and unit variance, stands for what the seed would give at the start.
    """
    import torch

    from inhouse.packs.diffusion.noise import NoiseSource, initial_noise

    form = guider.model.latent_format
    samples = fitted(latent, form)["samples"]
    if len(sigmas) < 2:
        return Sampled(latent, latent)
    _refuse_rise_from_zero(sigmas)
    if noise is None:
        noise = initial_noise(samples, seed, latent.get("batch_index"))
    if disable_noise:
        noise = torch.zeros_like(noise)
    device = guider.model.device
    start, noise = form.into_model(samples.to(device)), noise.to(device)
    watch = _Watch(latent, form, len(sigmas) - 1, callback)
    # The network stays from the first step to the last, whatever else comes meanwhile, and is there before memory is
    # measured.
    with guider.model.network.hold(), torch.no_grad(), watch:
        mask = _latent_mask(latent.get("noise_mask"), start)
        denoiser = guider.denoiser(start, mask, check)
        if mask is not None:
            denoiser = MaskedDenoiser(denoiser, start, noise, mask, opening_of(guider.model, sigmas))
        prediction = denoiser.prediction
        fresh = prediction.is_max_denoise(float(sigmas[0]))
        x = prediction.noise_scaling(sigmas[0], noise, start, max_denoise=fresh)
        x = sampler(denoiser, x, sigmas, noise=NoiseSource(seed), callback=watch.step)
        return watch.sampled(prediction.inverse_noise_scaling(sigmas[-1], x))


def _refuse_rise_from_zero(sigmas: Tensor) -> None:
    """Raise an error for levels that no solver can leave, some of which would look for their logarithm for ever."""
    if bool(((sigmas[:-1] <= 0) & (sigmas[1:] > 0)).any()):
        raise NodeInputError(
            "The noise levels rise from 0, where a step has no direction.",
            hint="Begin above 0; FlipSigmas does so by itself.",
            input_name="sigmas",
        )


def with_noise(model: DiffusionModel, noise: NoiseMaker, sigmas: Tensor, latent: Latent) -> Latent:
    """Return a latent with noise on it, as ``AddNoise`` does.

    Args:
        model: knows how it mixes signal and noise.
        noise: what is added.
        sigmas: the noise has the level between the first of them and the last, or that of the only one; none, none.
        latent: what it is added to; an empty one fits every model.

    """
    import torch

    if not len(sigmas):
        return latent
    form = model.latent_format
    latent = fitted(latent, form)
    samples = latent["samples"]
    level = (sigmas[0] - sigmas[-1]).abs() if len(sigmas) > 1 else sigmas[0]
    drawn = noise.generate_noise(latent)
    mixed = model.prediction.noise_scaling(level, drawn, form.into_model(samples))
    return {**latent, "samples": torch.nan_to_num(form.out_of_model(mixed), nan=0.0, posinf=0.0, neginf=0.0)}


class _Watch:
    """Follows a sampling step by step, so that an interrupted one leaves what it had."""

    def __init__(self, latent: Latent, form: LatentFormat, steps: int, callback: Callback) -> None:
        self._latent = latent
        self._form = form
        self._steps = steps
        self._callback = callback
        self._denoised: Tensor | None = None

    def step(self, step: Step) -> None:
        self._require_numbers(step.denoised, step.index)
        self._denoised = step.denoised
        self._callback(Progress(step.index + 1, self._steps, step.denoised, step.x, self._form.colours))

    def _require_numbers(self, latent: Tensor, index: int) -> None:
        if not bool(latent.isfinite().all()):
            raise NotFiniteError(
                f"Step {index + 1} of {self._steps} came to values that are no numbers (NaN or infinity).",
                hint="Compute in float32 (--precision float32, or the setting compute.precision). If that is no help,"
                " take off LoRAs and patches, lower cfg, or download the model again: its weights may be damaged.",
            )

    def sampled(self, x: Tensor) -> Sampled:
        self._require_numbers(x, self._steps - 1)
        latent = self._outside(x)
        return Sampled(latent, latent if self._denoised is None else self._outside(self._denoised))

    def _outside(self, x: Tensor) -> Latent:
        return {**self._latent, "samples": self._form.out_of_model(x).cpu()}

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, InterruptedRunError) and error.partial is None and self._denoised is not None:
            error.partial = self._outside(self._denoised)


def fitted(latent: Latent, form: LatentFormat) -> Latent:
    """Return a latent, float32, with the channels of a model's latents; an empty one fits every model.

    Raises:
        NodeInputError: it is another family's.

    """
    samples = latent["samples"].float()
    if samples.shape[1] != form.channels:
        if bool(samples.any()):
            raise NodeInputError(
                f"The latent has {samples.shape[1]} channels, the model's latents have {form.channels}.",
                hint="Encode the picture with the model's own VAE.",
                input_name="latent_image",
            )
        samples = samples.new_zeros(samples.shape[0], form.channels, *samples.shape[2:])
    return {**latent, "samples": samples}


def _latent_mask(mask: Tensor | None, latent: Tensor) -> Tensor | None:
    """Return a mask (height, width) or (batch, [1,] height, width) of any size as (batch, 1, ...) of a latent."""
    if mask is None:
        return None
    return repeat_to(resize_mask(mask.to(latent), latent.shape[-1], latent.shape[-2]), latent.shape[0])
