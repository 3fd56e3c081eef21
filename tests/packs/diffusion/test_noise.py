from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

from inhouse.packs.diffusion.noise import NoiseSource, initial_noise

GOLDEN = load_file(Path(__file__).parents[2] / "data/diffusion/sigmas.safetensors")
LATENT = torch.zeros(3, 4, 8, 8)
HIGH, MIDDLE, LOW = torch.tensor([14.6, 3.0, 0.5])


@pytest.mark.parametrize("name", [name for name in GOLDEN if name.startswith("noise/")])
def test_initial_noise_is_that_of_comfyui(name: str) -> None:
    assert torch.equal(initial_noise(torch.zeros_like(GOLDEN[name]), 12345), GOLDEN[name])


def test_a_sample_taken_from_a_batch_keeps_its_noise() -> None:
    whole = initial_noise(LATENT, 7)
    assert torch.equal(initial_noise(LATENT[:1], 7, [2]), whole[2:])
    assert torch.equal(initial_noise(LATENT, 7, [2, 0, 2]), whole[[2, 0, 2]])


@given(st.integers(0, 2**64 - 1))
def test_every_seed_is_a_seed(seed: int) -> None:
    assert initial_noise(LATENT[:1], seed).isfinite().all()
    source = NoiseSource(seed)
    x = torch.zeros(1, 1, 2, 2)
    assert source.gaussian(x)(HIGH, LOW).isfinite().all()
    assert source.brownian(x, torch.stack([HIGH, LOW]))(HIGH, LOW).isfinite().all()


def test_ancestral_noise_starts_as_the_initial_noise_does() -> None:
    assert torch.equal(NoiseSource(7).gaussian(LATENT)(HIGH, LOW), initial_noise(LATENT, 7))


def test_each_ancestral_draw_is_fresh() -> None:
    draw = NoiseSource(7).gaussian(LATENT)
    assert not torch.equal(draw(HIGH, LOW), draw(HIGH, LOW))


def test_brownian_noise_has_unit_variance_whatever_the_step() -> None:
    x = torch.zeros(1, 4, 64, 64)
    draw = NoiseSource(7).brownian(x, torch.stack([HIGH, MIDDLE, LOW, torch.tensor(0.0)]))
    for noise in (draw(HIGH, MIDDLE), draw(MIDDLE, LOW), draw(HIGH, LOW)):
        assert float(noise.std()) == pytest.approx(1, abs=0.03)


def test_brownian_steps_add_up_to_the_path() -> None:
    draw = NoiseSource(7).brownian(LATENT, torch.stack([HIGH, LOW]))
    path = draw(HIGH, MIDDLE) * (HIGH - MIDDLE).sqrt() + draw(MIDDLE, LOW) * (MIDDLE - LOW).sqrt()
    torch.testing.assert_close(path, draw(HIGH, LOW) * (HIGH - LOW).sqrt(), atol=1e-4, rtol=1e-4)


def test_brownian_noise_has_the_type_of_the_latent() -> None:
    draw = NoiseSource(7, brownian_device=None).brownian(LATENT.bfloat16(), torch.stack([HIGH, LOW]))
    assert draw(HIGH, LOW).dtype == torch.bfloat16
