from __future__ import annotations

from typing import Any

import torch
from tests.packs.diffusion.samplers.gaussian import GaussianDenoiser, even_in_log, noisy

from inhouse.packs.diffusion.comfy_samplers import KSAMPLER
from inhouse.packs.diffusion.noise import NoiseSource
from inhouse.packs.diffusion.samplers.base import Step
from inhouse.packs.diffusion.samplers.euler import euler


def theirs(model: Any, x: Any, sigmas: Any, extra_args: Any, callback: Any, disable: Any, weight: float = 0) -> Any:
    assert disable
    assert extra_args["seed"] == 5
    assert float(model.inner_model.model_sampling.sigma_max) > 14
    for i in range(len(sigmas) - 1):
        denoised = model(x, sigmas[i].float() * x.new_ones(len(x), dtype=torch.float32), **extra_args)
        callback({"x": x, "i": i, "sigma": sigmas[i], "denoised": denoised})
        x = x + (x - denoised) / sigmas[i] * (sigmas[i + 1] - sigmas[i]) * weight
    return x


def test_a_sampler_in_the_manner_of_k_diffusion_is_a_sampler() -> None:
    x, sigmas, steps = noisy(2), even_in_log(5), list[Step]()
    made = KSAMPLER(theirs, {"weight": 1.0})(GaussianDenoiser(), x, sigmas, noise=NoiseSource(5), callback=steps.append)
    torch.testing.assert_close(made, euler(GaussianDenoiser(), x, sigmas, noise=NoiseSource(5)))
    assert [step.index for step in steps] == [0, 1, 2, 3, 4]
