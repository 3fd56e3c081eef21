from __future__ import annotations

from typing import Any

import pytest
import torch
from tests.packs.diffusion.fakes import FakeNetwork

from inhouse.packs.diffusion.masking import DIFFERENTIAL, MaskedDenoiser, Opening, opening_of


def test_outside_the_mask_the_network_sees_the_picture_at_the_steps_noise_level() -> None:
    network = FakeNetwork()
    latent, noise = torch.full((1, 4, 4, 8), 3.0), torch.ones(1, 4, 4, 8)

    class Inner:
        prediction = network.prediction

        def __call__(self, x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
            torch.testing.assert_close(x[..., :4], (latent + noise * sigma)[..., :4])
            return x

        def pair(self, x: torch.Tensor, sigma: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return self(x, sigma), x

    mask = torch.zeros(1, 1, 4, 8)
    mask[..., 4:] = 1
    masked = MaskedDenoiser(Inner(), latent, noise, mask)
    x, sigma = torch.zeros(1, 4, 4, 8), torch.tensor([5.0])
    both = masked.pair(x, sigma)
    assert all(one[..., :4].eq(3).all() and one[..., 4:].eq(0).all() for one in (masked(x, sigma), *both))


def test_grey_places_open_when_their_share_of_the_timesteps_is_left() -> None:
    mask = torch.tensor([0.0, 0.3, 0.7, 1.0]).reshape(1, 1, 1, 4)
    opening = Opening(first=1000, last=0)
    found = [opening.at(timestep, mask).flatten().tolist() for timestep in (1000, 500, 200, 0)]
    assert found == [[0, 0, 0, 1], [0, 0, 1, 1], [0, 1, 1, 1], [1, 1, 1, 1]]
    assert Opening(1000, 0, strength=0.0).at(500, mask).equal(mask)


def test_a_mask_opens_over_the_timesteps_that_are_sampled() -> None:
    model: Any = FakeNetwork()
    sigmas = model.prediction.sigma(torch.tensor([600.0, 200.0, 0.0]))
    sigmas[-1] = 0
    assert opening_of(model, sigmas) is None
    opening = opening_of(model.with_options(**{DIFFERENTIAL: 0.5}), sigmas)
    assert opening is not None
    assert [opening.first, opening.last, opening.strength] == pytest.approx([600, 0, 0.5], abs=0.01)


def test_the_mask_of_the_moment_is_what_counts() -> None:
    network: Any = FakeNetwork()

    class Inner:
        prediction = network.prediction

        def __call__(self, x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
            del sigma
            return torch.zeros_like(x)

        def pair(self, x: torch.Tensor, sigma: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return self(x, sigma), x

    latent, mask = torch.ones(1, 4, 2, 2), torch.full((1, 1, 2, 2), 0.5)
    masked = MaskedDenoiser(Inner(), latent, torch.zeros_like(latent), mask, Opening(999, 0))
    early, late = (masked(latent, network.prediction.sigma(torch.tensor([float(t)]))) for t in (900, 100))
    assert early.equal(latent)
    assert late.equal(torch.zeros_like(latent))
