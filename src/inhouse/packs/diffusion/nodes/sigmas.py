"""Nodes that make noise levels and change them."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from inhouse import Choices, Output, Range, node
from inhouse.packs.diffusion.nodes.sampling import ScheduleName, Steps
from inhouse.packs.diffusion.wires import Model, Sigmas

SCHEDULERS, SIGMAS = "sampling/custom_sampling/schedulers", "sampling/custom_sampling/sigmas"
SIGMA_MAX, SIGMA_MIN = 14.614642, 0.0291675
"""The highest and the lowest level of Stable Diffusion 1, 2 and XL."""
ABOVE_ALL = 999_999_999.9
"""What stands for a level above all others where it is written as a number."""

Share = Annotated[float, Range(0, 1, step=0.01)]
Level = Annotated[float, Range(0, 5000, step=0.01)]
Rho = Annotated[float, Range(0, 100, step=0.01)]


class Split(NamedTuple):
    """Noise levels in two parts, which share the level between."""

    high_sigmas: Sigmas
    low_sigmas: Sigmas


@node("BasicScheduler", category=SCHEDULERS)
def basic(*, model: Model, scheduler: ScheduleName, steps: Steps = 20, denoise: Share = 1.0) -> Sigmas:
    """Spread a model's noise levels over steps by the name of a schedule."""
    from inhouse.packs.diffusion.sampling import schedule_sigmas

    return schedule_sigmas(model.prediction, "", scheduler, steps, denoise)


@node("KarrasScheduler", category=SCHEDULERS)
def karras(*, steps: Steps = 20, sigma_max: Level = SIGMA_MAX, sigma_min: Level = SIGMA_MIN, rho: Rho = 7.0) -> Sigmas:
    """Spread noise levels evenly in their root, so that low ones lie closer together."""
    from inhouse.packs.diffusion import curves

    return curves.karras(steps, sigma_max, sigma_min, rho)


@node("ExponentialScheduler", category=SCHEDULERS)
def exponential(*, steps: Steps = 20, sigma_max: Level = SIGMA_MAX, sigma_min: Level = SIGMA_MIN) -> Sigmas:
    """Spread noise levels evenly in their logarithm."""
    from inhouse.packs.diffusion import curves

    return curves.exponential(steps, sigma_max, sigma_min)


@node("PolyexponentialScheduler", category=SCHEDULERS)
def polyexponential(
    *, steps: Steps = 20, sigma_max: Level = SIGMA_MAX, sigma_min: Level = SIGMA_MIN, rho: Rho = 1.0
) -> Sigmas:
    """Spread the logarithm of noise levels by a power of the steps."""
    from inhouse.packs.diffusion import curves

    return curves.polyexponential(steps, sigma_max, sigma_min, rho)


@node("LaplaceScheduler", category=SCHEDULERS)
def laplace(
    *,
    steps: Steps = 20,
    sigma_max: Level = SIGMA_MAX,
    sigma_min: Level = SIGMA_MIN,
    mu: Annotated[float, Range(-10, 10, step=0.1)] = 0.0,
    beta: Annotated[float, Range(0, 10, step=0.1)] = 0.5,
) -> Sigmas:
    """Crowd noise levels around one, by a Laplace distribution of their logarithm."""
    from inhouse.packs.diffusion import curves

    return curves.laplace(steps, sigma_max, sigma_min, mu, beta)


@node("VPScheduler", category=SCHEDULERS)
def variance_preserving(
    *,
    steps: Steps = 20,
    beta_d: Level = 19.9,
    beta_min: Level = 0.1,
    eps_s: Annotated[float, Range(0, 1, step=0.0001)] = 0.001,
) -> Sigmas:
    """Take the noise levels of a continuous variance-preserving process at even times."""
    from inhouse.packs.diffusion import curves

    return curves.variance_preserving(steps, beta_d, beta_min, eps_s)


@node("BetaSamplingScheduler", category=SCHEDULERS)
def beta_sampling(
    *,
    model: Model,
    steps: Steps = 20,
    alpha: Annotated[float, Range(0, 50, step=0.01)] = 0.6,
    beta: Annotated[float, Range(0, 50, step=0.01)] = 0.6,
) -> Sigmas:
    """Take a model's noise levels at the quantiles of a beta distribution."""
    from inhouse.packs.diffusion import schedules

    return schedules.beta(model.prediction, steps, alpha, beta)


@node("SDTurboScheduler", category=SCHEDULERS)
def sd_turbo(*, model: Model, steps: Annotated[int, Range(1, 10)] = 1, denoise: Share = 1.0) -> Sigmas:
    """Take the noise levels of the timesteps that turbo models were distilled at."""
    from inhouse.packs.diffusion import sigmas

    return sigmas.turbo(model.prediction, steps, denoise)


@node("AlignYourStepsScheduler", category=SCHEDULERS)
def align_your_steps(
    *, model_type: Annotated[str, Choices(("SD1", "SDXL", "SVD"))], steps: Steps = 10, denoise: Share = 1.0
) -> Sigmas:
    """Take the schedule that was optimised for a family of models."""
    from inhouse.packs.diffusion import sigmas

    return sigmas.align_your_steps(model_type, steps, denoise)


@node("SplitSigmas", category=SIGMAS)
def split(*, sigmas: Sigmas, step: Annotated[int, Range(0, 10_000)] = 0) -> Split:
    """Part noise levels after a number of steps."""
    from inhouse.packs.diffusion import sigmas as levels

    return Split(*levels.split(sigmas, step))


@node("SplitSigmasDenoise", category=SIGMAS)
def split_by_share(*, sigmas: Sigmas, denoise: Share = 1.0) -> Split:
    """Part noise levels so that the second part has a share of the steps."""
    from inhouse.packs.diffusion import sigmas as levels

    return Split(*levels.split_by_share(sigmas, denoise))


@node("FlipSigmas", category=SIGMAS)
def flip(*, sigmas: Sigmas) -> Sigmas:
    """Turn noise levels round, to go back from a picture to its noise."""
    from inhouse.packs.diffusion import sigmas as levels

    return levels.flipped(sigmas)


@node("SetFirstSigma", category=SIGMAS)
def set_first(*, sigmas: Sigmas, sigma: Annotated[float, Range(0, 20_000, step=0.001)] = 136.0) -> Sigmas:
    """Start from another noise level."""
    from inhouse.packs.diffusion import sigmas as levels

    return levels.with_first(sigmas, sigma)


@node("ExtendIntermediateSigmas", category=SIGMAS)
def extend(
    *,
    sigmas: Sigmas,
    steps: Annotated[int, Range(1, 100)] = 2,
    start_at_sigma: Annotated[float, Range(-1, 20_000, step=0.01)] = -1.0,
    end_at_sigma: Annotated[float, Range(0, 20_000, step=0.01)] = 12.0,
    spacing: Annotated[str, Choices(("linear", "cosine", "sine"))],
) -> Sigmas:
    """Divide the steps between two noise levels into several."""
    from inhouse.packs.diffusion import sigmas as levels

    return levels.extended(sigmas, steps, start_at_sigma, end_at_sigma, spacing)


@node("SamplingPercentToSigma", category=SIGMAS)
def percent_to_sigma(
    *,
    model: Model,
    sampling_percent: Annotated[float, Range(0, 1, step=0.0001)] = 0.0,
    return_actual_sigma: bool = False,
) -> Annotated[float, Output("sigma_value")]:
    """Tell the noise level after a share of the sampling: at the ends one beyond all levels, or the outermost."""
    prediction = model.prediction
    if 0 < sampling_percent < 1:
        return prediction.percent_to_sigma(sampling_percent)
    if return_actual_sigma:
        return prediction.sigma_min if sampling_percent else prediction.sigma_max
    return 0.0 if sampling_percent else ABOVE_ALL


NODES = [
    basic,
    karras,
    exponential,
    polyexponential,
    laplace,
    variance_preserving,
    beta_sampling,
    sd_turbo,
    align_your_steps,
    split,
    split_by_share,
    flip,
    set_first,
    extend,
    percent_to_sigma,
]
