from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tests.packs.diffusion.checkpoints import save_checkpoint

from inhouse.errors import NodeInputError
from inhouse.packs.diffusion.loading import load_vae
from inhouse.packs.diffusion.nodes import vae as nodes
from inhouse.packs.diffusion.vae import Vae


@pytest.fixture(scope="module")
def vae(tmp_path_factory: pytest.TempPathFactory) -> Vae:
    return load_vae(save_checkpoint(Path(tmp_path_factory.mktemp("vae"), "whole.safetensors")))


def test_pictures_become_latents_and_pictures_again(vae: Vae) -> None:
    pixels = torch.rand(2, 32, 48, 3, generator=torch.Generator().manual_seed(1))
    latent = nodes.encode(pixels=pixels, vae=vae)
    assert nodes.decode(samples=latent, vae=vae).shape == pixels.shape


def test_tiles_larger_than_the_picture_change_nothing(vae: Vae) -> None:
    pixels = torch.rand(1, 32, 32, 3, generator=torch.Generator().manual_seed(1))
    latent = nodes.encode(pixels=pixels, vae=vae)
    tiled = nodes.encode_tiled(pixels=pixels, vae=vae, tile_size=64, overlap=0)
    assert torch.allclose(tiled["samples"], latent["samples"], atol=1e-5)
    assert torch.allclose(nodes.decode_tiled(samples=latent, vae=vae), nodes.decode(samples=latent, vae=vae), atol=1e-5)


def test_what_will_be_painted_is_masked_for_the_sampler(vae: Vae) -> None:
    mask = torch.zeros(1, 32, 32)
    mask[:, :16] = 1
    latent = nodes.encode_for_inpaint(pixels=torch.rand(1, 32, 32, 3), vae=vae, mask=mask, grow_mask_by=0)
    assert latent["noise_mask"].mean() == pytest.approx(0.5)


def test_a_checkpoint_without_a_vae_is_told_where_it_is_missed() -> None:
    with pytest.raises(NodeInputError, match="VAELoader"):
        nodes.decode(samples={"samples": torch.zeros(1, 4, 4, 4)}, vae=None)
