"""Nodes that make noise, and put it on latents."""

from __future__ import annotations

from inhouse import Latent, node
from inhouse.packs.diffusion.nodes.sampling import Seed
from inhouse.packs.diffusion.wires import Model, Noise, Sigmas


@node("RandomNoise", category="sampling/custom_sampling/noise")
def random(*, noise_seed: Seed = 0) -> Noise:
    """Draw the noise of a seed."""
    from inhouse.packs.diffusion.noise import RandomNoise

    return RandomNoise(noise_seed)


@node("DisableNoise", category="sampling/custom_sampling/noise")
def disable() -> Noise:
    """Start from latents as they are."""
    from inhouse.packs.diffusion.noise import NoNoise

    return NoNoise()


@node("AddNoise", category="_for_testing/custom_sampling/noise")
def add(*, model: Model, noise: Noise, sigmas: Sigmas, latent_image: Latent) -> Latent:
    """Put so much noise on a latent as lies between the first noise level and the last."""
    from inhouse.packs.diffusion.sampling import with_noise

    return with_noise(model, noise, sigmas, latent_image)


NODES = [random, disable, add]
