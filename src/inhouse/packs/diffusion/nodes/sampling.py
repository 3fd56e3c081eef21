"""Nodes that sample."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from inhouse import Choices, Context, Latent, Range, Widget, node
from inhouse.backends.compute import Compute
from inhouse.packs.diffusion.wires import Conditioning, Model

if TYPE_CHECKING:
    from inhouse.packs.diffusion.evaluation import Ask
    from inhouse.packs.diffusion.sampling import Progress

SEED_MAX = 2**64 - 1
Seed = Annotated[int, Range(0, SEED_MAX), Widget({"control_after_generate": True})]
Steps = Annotated[int, Range(1, 10_000)]
Cfg = Annotated[float, Range(0, 100, step=0.1, round=0.01)]
SamplerName = Annotated[str, Choices("samplers")]
ScheduleName = Annotated[str, Choices("schedules")]
Switch = Annotated[str, Choices(("enable", "disable"))]
StepIndex = Annotated[int, Range(0, 10_000)]


@node("KSampler", category="sampling")
def ksampler(
    *,
    model: Model,
    seed: Seed = 0,
    steps: Steps = 20,
    cfg: Cfg = 8.0,
    sampler_name: SamplerName,
    scheduler: ScheduleName,
    positive: Conditioning,
    negative: Conditioning,
    latent_image: Latent,
    denoise: Annotated[float, Range(0, 1, step=0.01)] = 1.0,
    context: Context,
) -> Latent:
    """Denoise a latent under a positive and a negative conditioning."""
    return _sample(
        context,
        model=model,
        seed=seed,
        steps=steps,
        cfg=cfg,
        sampler=sampler_name,
        schedule=scheduler,
        positive=positive,
        negative=negative,
        latent=latent_image,
        denoise=denoise,
    )


@node("KSamplerAdvanced", category="sampling", display_name="KSampler (Advanced)")
def ksampler_advanced(  # noqa: PLR0913 - its sockets
    *,
    model: Model,
    add_noise: Switch,
    noise_seed: Seed = 0,
    steps: Steps = 20,
    cfg: Cfg = 8.0,
    sampler_name: SamplerName,
    scheduler: ScheduleName,
    positive: Conditioning,
    negative: Conditioning,
    latent_image: Latent,
    start_at_step: StepIndex = 0,
    end_at_step: StepIndex = 10_000,
    return_with_leftover_noise: Annotated[str, Choices(("disable", "enable"))],
    context: Context,
) -> Latent:
    """Run some of the steps of a sampling, with or without fresh noise before and leftover noise after."""
    return _sample(
        context,
        model=model,
        seed=noise_seed,
        steps=steps,
        cfg=cfg,
        sampler=sampler_name,
        schedule=scheduler,
        positive=positive,
        negative=negative,
        latent=latent_image,
        start_step=start_at_step,
        last_step=end_at_step,
        force_full_denoise=return_with_leftover_noise == "disable",
        disable_noise=add_noise == "disable",
    )


def _sample(context: Context, **arguments: Any) -> Latent:
    from inhouse.packs.diffusion.sampling import sample

    return sample(**arguments, **manner(context))


def manner(context: Context) -> dict[str, Any]:
    """Return how whatever a node samples is computed, watched and stopped, as arguments."""

    def report(progress: Progress) -> None:
        context.progress(progress.step, progress.steps, progress.preview)

    return {"ask": asking(context), "callback": report, "check": context.check}


def asking(context: Context) -> Ask:
    """Return how the networks of a run are called: in step with other runs, but for reference."""
    from inhouse.backends.sharing import SharedSteps
    from inhouse.packs.diffusion.evaluation import alone

    compute = context.find(Compute)
    if compute is not None and compute.reference:
        return alone
    return (context.find(SharedSteps) or SharedSteps()).ask


NODES = [ksampler, ksampler_advanced]
