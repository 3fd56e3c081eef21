from __future__ import annotations

import torch
from tests.packs.diffusion.fakes import FakeNetwork

from inhouse.packs.diffusion.masking import MaskedDenoiser


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
