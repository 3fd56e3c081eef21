"""Nodes that sample with a sampler, noise levels, noise and guidance from elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from inhouse import Context, Latent, node
from inhouse.packs.diffusion.nodes.sampling import Cfg, Seed, manner
from inhouse.packs.diffusion.wires import Conditioning, Guider, Model, Noise, Sampler, Sigmas

if TYPE_CHECKING:
    from inhouse.packs.diffusion.sampling import Guiding, Sampled

CATEGORY = "sampling/custom_sampling"


class Outputs(NamedTuple):
    """The latent at the last noise level, and the clean one expected behind it."""

    output: Latent
    denoised_output: Latent


@node("SamplerCustom", category=CATEGORY)
def sampler_custom(
    *,
    model: Model,
    add_noise: bool = True,
    noise_seed: Seed = 0,
    cfg: Cfg = 8.0,
    positive: Conditioning,
    negative: Conditioning,
    sampler: Sampler,
    sigmas: Sigmas,
    latent_image: Latent,
    context: Context,
) -> Outputs:
    """Denoise a latent by a sampler over given noise levels."""
    from inhouse.packs.diffusion import noise, sampling

    guider = sampling.Guider(model, positive, negative, cfg)
    start = noise.RandomNoise(noise_seed) if add_noise else noise.NoNoise(noise_seed)
    return _sampled(guider, start, sampler, sigmas, latent_image, context)


@node("SamplerCustomAdvanced", category=CATEGORY)
def sampler_custom_advanced(
    *, noise: Noise, guider: Guider, sampler: Sampler, sigmas: Sigmas, latent_image: Latent, context: Context
) -> Outputs:
    """Denoise a latent by a sampler over given noise levels, from given noise, under given guidance."""
    return _sampled(guider, noise, sampler, sigmas, latent_image, context)


def _sampled(
    guider: Guiding, noise: Noise, sampler: Sampler, sigmas: Sigmas, latent: Latent, context: Context
) -> Outputs:
    from dataclasses import replace

    from inhouse.packs.diffusion import sampling

    how = manner(context)
    ask = how.pop("ask")
    if isinstance(guider, sampling.Guider):
        guider = replace(guider, ask=ask)
    fitted = sampling.fitted(latent, guider.model.latent_format)
    sampled: Sampled = sampling.sample_sigmas(
        guider,
        sampler=sampler,
        sigmas=sigmas,
        seed=noise.seed,
        latent=fitted,
        noise=noise.generate_noise(fitted),
        **how,
    )
    return Outputs(*sampled)


NODES = [sampler_custom, sampler_custom_advanced]
