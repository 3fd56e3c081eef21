from __future__ import annotations

import pytest
import torch
from tests.packs.diffusion.checkpoints import VAE, seeded, vae_tensors

from inhouse.packs.diffusion.networks.autoencoder import Autoencoder, AutoencoderSpec

SHAPES = {name: tuple(tensor.shape) for name, tensor in vae_tensors().items()}


def test_an_architecture_is_read_off_the_shapes_of_its_parameters() -> None:
    assert AutoencoderSpec.from_shapes(SHAPES) == VAE
    assert VAE.downscale == 2


@pytest.mark.parametrize("half", ["encoder", "decoder"])
def test_half_an_autoencoder_is_understood(half: str) -> None:
    spec = AutoencoderSpec.from_shapes({name: shape for name, shape in SHAPES.items() if name.startswith(half)})
    assert (bool(spec.encoder), bool(spec.decoder)) == (half == "encoder", half == "decoder")
    assert (spec.latent_channels, spec.picture_channels, spec.quantised) == (4, 3, False)
    assert hasattr(Autoencoder(spec), half)


def test_neither_half_is_an_error() -> None:
    with pytest.raises(KeyError):
        AutoencoderSpec.from_shapes({})


def test_pictures_and_latents_are_a_downscale_apart() -> None:
    network = seeded(Autoencoder(VAE))
    with torch.inference_mode():
        mean, log_variance = network.encode(torch.zeros(2, 3, 8, 12))
        assert mean.shape == log_variance.shape == (2, 4, 4, 6)
        assert network.decode(mean).shape == (2, 3, 8, 12)
