"""An autoencoder as a value: what travels on a ``VAE`` wire, between pictures and latents."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from inhouse.errors import ModelUnsupportedError
from inhouse.packs.diffusion.memory import back_off, is_out_of_memory, memory_border

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from inhouse.packs.diffusion.handle import Handle
    from inhouse.packs.diffusion.networks.autoencoder import Autoencoder, AutoencoderSpec

TILE_SIZE, OVERLAP = 512, 64
"""Pixels along each side of a tile, and of what neighbours share."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Vae:
    """A variational autoencoder.

    Pictures are (batch, height, width, 3), float32, 0 to 1, on the CPU; latents are (batch, channels, height /
    downscale, width / downscale), float32, on the CPU, at the autoencoder's own scale.

    Attributes:
        network: the autoencoder.
        spec: its architecture.
        dtype: the type that it computes in.
        device: where it computes.

    """

    network: Handle[Autoencoder]
    spec: AutoencoderSpec
    dtype: torch.dtype
    device: str = "cpu"

    def encode(self, pixels: Tensor) -> Tensor:
        """Return the means of the latents of pictures, which are first cropped to multiples of the downscale.

        Raises:
            OutOfMemoryError: not even a tile of one picture fits.

        """
        return self._in_batches(self._encode, self._prepared(pixels), self._encode_tiles(TILE_SIZE, OVERLAP))

    def decode(self, latents: Tensor) -> Tensor:
        """Return the pictures of latents, clamped to 0 to 1.

        Raises:
            OutOfMemoryError: not even a tile of one picture fits.

        """
        return _finished(self._in_batches(self._decode, latents, self._decode_tiles(TILE_SIZE, OVERLAP)))

    def encode_tiled(self, pixels: Tensor, *, tile_size: int = TILE_SIZE, overlap: int = OVERLAP) -> Tensor:
        """Encode tile by tile, blending where tiles overlap; both sizes in pixels."""
        tiles = self._encode_tiles(tile_size, overlap)
        return self._in_batches(tiles, self._prepared(pixels), tiles)

    def decode_tiled(self, latents: Tensor, *, tile_size: int = TILE_SIZE, overlap: int = OVERLAP) -> Tensor:
        """Decode tile by tile, blending where tiles overlap; both sizes in pixels of the picture."""
        tiles = self._decode_tiles(tile_size, overlap)
        return _finished(self._in_batches(tiles, latents, tiles))

    def _prepared(self, pixels: Tensor) -> Tensor:
        """Return (batch, 3, height, width), -1 to 1, cropped at the middle."""
        step = self.spec.downscale
        for axis in (1, 2):
            length = pixels.shape[axis]
            pixels = pixels.narrow(axis, length % step // 2, length - length % step)
        return pixels[..., : self.spec.picture_channels].movedim(-1, 1) * 2 - 1

    def _encode(self, pixels: Tensor) -> Tensor:
        if not self.spec.encoder:
            raise ModelUnsupportedError("This VAE has no encoder.", hint="Load a VAE that is whole.")
        return self.network.get().encode(pixels.to(self.device, self.dtype))[0].float().cpu()

    def _decode(self, latents: Tensor) -> Tensor:
        if not self.spec.decoder:
            raise ModelUnsupportedError("This VAE has no decoder.", hint="Load a VAE that is whole.")
        return self.network.get().decode(latents.to(self.device, self.dtype)).float().cpu()

    def _encode_tiles(self, tile_size: int, overlap: int) -> Callable[[Tensor], Tensor]:
        from inhouse.packs.diffusion.tiles import Tiling

        scale = self.spec.downscale
        tiling = Tiling(max(1, tile_size // scale), overlap // scale, input_scale=scale)
        return lambda pixels: tiling.run(self._encode, pixels)

    def _decode_tiles(self, tile_size: int, overlap: int) -> Callable[[Tensor], Tensor]:
        from inhouse.packs.diffusion.tiles import Tiling

        scale = self.spec.downscale
        tiling = Tiling(max(1, tile_size // scale), overlap // scale, output_scale=scale)
        return lambda latents: tiling.run(self._decode, latents)

    def _in_batches(
        self, run: Callable[[Tensor], Tensor], samples: Tensor, tiles: Callable[[Tensor], Tensor]
    ) -> Tensor:
        """Run over as many samples at once as memory allows; tile by tile where it does not allow for one.

        A processor gains nothing from batches; it takes one sample at a time.
        """
        import torch

        size = 1 if self.device == "cpu" else len(samples)
        results: list[Tensor] = []
        rest = samples
        with torch.inference_mode():
            while len(rest):
                result = _unless_out_of_memory(run, rest[:size])
                if result is None and size > 1:
                    size //= 2
                    continue
                if result is None:
                    _log.warning("Not enough memory for a picture at once; working tile by tile.")
                    with memory_border(f"a tile of a picture or latent of {tuple(rest.shape[2:])}"):
                        result = tiles(rest[:1])
                results.append(result)
                rest = rest[len(result) :]
        return torch.cat(results) if results else samples


def _unless_out_of_memory(run: Callable[[Tensor], Tensor], samples: Tensor) -> Tensor | None:
    """Return the result, or None, with the cache emptied, when memory ran out."""
    try:
        return run(samples)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
    back_off()
    return None


def _finished(pictures: Tensor) -> Tensor:
    return (pictures / 2 + 0.5).clamp(0, 1).movedim(1, -1).contiguous()
