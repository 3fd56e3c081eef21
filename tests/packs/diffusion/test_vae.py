from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tests.packs.diffusion.checkpoints import VAE, save, vae_tensors
from torch import Tensor, nn

from inhouse.errors import ModelUnsupportedError, OutOfMemoryError
from inhouse.packs.diffusion.handle import Handle
from inhouse.packs.diffusion.loading import load_vae
from inhouse.packs.diffusion.vae import Vae


@pytest.fixture
def vae(tmp_path: Path) -> Vae:
    return load_vae(save(tmp_path / "vae.safetensors", vae_tensors()))


class Pooling(nn.Module):
    """Stands in for an autoencoder: one latent position is the mean of its four pixels. Remembers what it was given."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most
        self.seen: list[tuple[int, ...]] = []

    def _take(self, x: Tensor) -> Tensor:
        self.seen.append(tuple(x.shape))
        if x.numel() > self.most:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return x

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean = nn.functional.avg_pool2d(self._take(x), 2)
        return mean, mean

    def decode(self, x: Tensor) -> Tensor:
        return nn.functional.interpolate(self._take(x), scale_factor=2, mode="nearest")


def pooling(most: int, device: str = "cpu") -> tuple[Vae, Pooling]:
    network = Pooling(most)
    vae = Vae(Handle(lambda: network, nbytes=0), replace(VAE, latent_channels=3), torch.float32)  # type: ignore[arg-type,return-value]
    return replace(vae, device=device), network


def test_pictures_are_cropped_at_the_middle_to_whole_latent_positions() -> None:
    vae, _ = pooling(10**6)
    pixels = torch.rand(1, 5, 7, 3)
    torch.testing.assert_close(vae.encode(pixels), vae.encode(pixels[:, :4, :6]))
    assert vae.encode(pixels).shape == (1, 3, 2, 3)


def test_alpha_is_not_encoded() -> None:
    vae, _ = pooling(10**6)
    pixels = torch.rand(1, 4, 4, 4)
    assert vae.encode(pixels).equal(vae.encode(pixels[..., :3]))


def test_black_and_white_are_minus_one_and_one_and_come_back_clamped() -> None:
    vae, _ = pooling(10**6)
    assert vae.encode(torch.ones(1, 2, 2, 3)).flatten().tolist() == [1, 1, 1]
    assert vae.encode(torch.zeros(1, 2, 2, 3)).flatten().tolist() == [-1, -1, -1]
    assert vae.decode(torch.tensor([[[[-3.0]], [[0.0]], [[3.0]]]]))[0, 0, 0].tolist() == [0, 0.5, 1]


def test_a_real_network_keeps_sizes_and_types(vae: Vae) -> None:
    latents = vae.encode(torch.rand(2, 8, 12, 3))
    assert latents.shape == (2, 4, 4, 6)
    pictures = vae.decode(latents)
    assert pictures.shape == (2, 8, 12, 3)
    assert pictures.dtype == torch.float32
    assert pictures.is_contiguous()


def test_one_tile_is_the_whole(vae: Vae) -> None:
    pixels = torch.rand(1, 8, 8, 3)
    torch.testing.assert_close(vae.encode_tiled(pixels, tile_size=8), vae.encode(pixels))
    latents = vae.encode(pixels)
    torch.testing.assert_close(vae.decode_tiled(latents, tile_size=64), vae.decode(latents))


def test_tiles_are_of_the_size_asked_for() -> None:
    vae, network = pooling(10**6)
    pixels = torch.rand(2, 12, 20, 3)
    torch.testing.assert_close(vae.encode_tiled(pixels, tile_size=8, overlap=4), vae.encode(pixels))
    assert {shape[2:] for shape in network.seen[:-2]} == {(8, 8)}
    latents = vae.encode(pixels)
    network.seen.clear()
    torch.testing.assert_close(vae.decode_tiled(latents, tile_size=8, overlap=4), vae.decode(latents))
    assert {shape[2:] for shape in network.seen[:-2]} == {(4, 4)}


def test_a_processor_takes_one_sample_at_a_time() -> None:
    vae, network = pooling(10**6)
    vae.encode(torch.rand(3, 2, 2, 3))
    assert [shape[0] for shape in network.seen] == [1, 1, 1]


def test_batches_become_smaller_when_memory_runs_out_and_larger_again() -> None:
    vae, network = pooling(3 * 4 * 4 * 2, device="cpu:0")
    pixels = torch.rand(5, 4, 4, 3)
    latents = vae.encode(pixels)
    assert [shape[0] for shape in network.seen] == [5, 2, 3, 1, 2]
    torch.testing.assert_close(latents, pooling(10**6)[0].encode(pixels))


def test_a_picture_that_does_not_fit_is_worked_on_in_tiles(caplog: pytest.LogCaptureFixture) -> None:
    vae, network = pooling(160_000)
    latents = torch.rand(1, 3, 300, 200)
    with caplog.at_level(logging.WARNING):
        pictures = vae.decode(latents)
    assert "Trying to decode in tiles of" in caplog.text
    assert len(network.seen) > 2
    torch.testing.assert_close(pictures, pooling(10**9)[0].decode(latents))


def test_where_tiles_do_not_fit_smaller_ones_are_tried() -> None:
    vae, network = pooling(3 * 64 * 64)
    latents = torch.rand(1, 3, 300, 200)
    pictures = vae.decode(latents)
    assert max(max(shape) for shape in network.seen[-3:]) == 64
    torch.testing.assert_close(pictures, pooling(10**9)[0].decode(latents))


def test_when_not_even_a_tile_fits_the_error_says_so() -> None:
    vae, _ = pooling(8)
    with pytest.raises(OutOfMemoryError, match="3x4x4, to decode in tiles of 128"):
        vae.decode(torch.rand(1, 3, 4, 4))
    with pytest.raises(OutOfMemoryError):
        vae.encode_tiled(torch.rand(1, 8, 8, 3), tile_size=4)


def test_other_errors_are_not_taken_for_a_shortage(vae: Vae) -> None:
    with pytest.raises(RuntimeError, match="channels"):
        vae.encode(torch.rand(1, 16, 16, 1))


@pytest.mark.parametrize("half", ["encoder", "decoder"])
def test_half_an_autoencoder_does_its_half(tmp_path: Path, half: str) -> None:
    tensors = {name: tensor for name, tensor in vae_tensors().items() if name.startswith(half)}
    vae = load_vae(save(tmp_path / "half.safetensors", tensors))
    if half == "encoder":
        assert vae.encode(torch.rand(1, 4, 4, 3)).shape == (1, 4, 2, 2)
        with pytest.raises(ModelUnsupportedError, match="no decoder"):
            vae.decode(torch.rand(1, 4, 2, 2))
    else:
        assert vae.decode(torch.rand(1, 4, 2, 2)).shape == (1, 4, 4, 3)
        with pytest.raises(ModelUnsupportedError, match="no encoder"):
            vae.encode(torch.rand(1, 4, 4, 3))


def test_no_pictures_are_no_latents(vae: Vae) -> None:
    assert len(vae.encode(torch.rand(0, 4, 4, 3))) == 0
