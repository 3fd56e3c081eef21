"""An autoencoder as a value: what travels on a ``VAE`` wire, between pictures and latents."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from inhouse.backends.batching import Batches
from inhouse.errors import ModelUnsupportedError, NodeInputError, OutOfMemoryError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from inhouse.packs.diffusion.handle import Handle
    from inhouse.packs.diffusion.networks.autoencoder import Autoencoder, AutoencoderSpec
    from inhouse.packs.diffusion.tiles import Tiling

TILE_SIZE, OVERLAP = 512, 64
"""Pixels along each side of a tile, and of what neighbours share."""

LEAST_TILE = 128
"""Pixels along each side of the smallest tiles that are tried where larger ones do not fit."""

Way: TypeAlias = "tuple[str, Callable[[Tensor], Tensor]]"
"""What is done, and the function that does it."""

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
        batches: how many pictures it works on at once.

    """

    network: Handle[Autoencoder]
    spec: AutoencoderSpec
    dtype: torch.dtype
    device: str = "cpu"
    batches: Batches = field(default_factory=Batches, compare=False, repr=False)

    def encode(self, pixels: Tensor) -> Tensor:
        """Return the means of the latents of pictures, which are first cropped to multiples of the downscale.

        Raises:
            OutOfMemoryError: not even a tile of one picture fits.

        """
        return self._in_batches(self._prepared(pixels), [("encode", self._encode), *self._encode_tiles()])

    def decode(self, latents: Tensor) -> Tensor:
        """Return the pictures of latents, clamped to 0 to 1.

        Raises:
            NodeInputError: they have not the channels of this autoencoder's latents.
            OutOfMemoryError: not even a tile of one picture fits.

        """
        self._refuse_strange(latents)
        return _finished(self._in_batches(latents, [("decode", self._decode), *self._decode_tiles()]))

    def encode_tiled(self, pixels: Tensor, *, tile_size: int = TILE_SIZE, overlap: int = OVERLAP) -> Tensor:
        """Encode tile by tile, blending where tiles overlap; both sizes in pixels."""
        return self._in_batches(self._prepared(pixels), self._encode_tiles(tile_size, overlap))

    def decode_tiled(self, latents: Tensor, *, tile_size: int = TILE_SIZE, overlap: int = OVERLAP) -> Tensor:
        """Decode tile by tile, blending where tiles overlap; both sizes in pixels of the picture."""
        self._refuse_strange(latents)
        return _finished(self._in_batches(latents, self._decode_tiles(tile_size, overlap)))

    def _refuse_strange(self, latents: Tensor) -> None:
        if latents.shape[1] != self.spec.latent_channels:
            raise NodeInputError(
                f"The latent has {latents.shape[1]} channels, the VAE's latents have {self.spec.latent_channels}.",
                hint="Use the VAE of the model that the latent is from.",
            )

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
        with self.network.lease() as network:
            return network.encode(pixels.to(self.device, self.dtype))[0].float().cpu()

    def _decode(self, latents: Tensor) -> Tensor:
        if not self.spec.decoder:
            raise ModelUnsupportedError("This VAE has no decoder.", hint="Load a VAE that is whole.")
        with self.network.lease() as network:
            return network.decode(latents.to(self.device, self.dtype)).float().cpu()

    def _encode_tiles(self, tile_size: int = TILE_SIZE, overlap: int = OVERLAP) -> Iterator[Way]:
        scale = self.spec.downscale
        for tiling in _tilings(tile_size, overlap, scale, input_scale=scale):
            yield f"encode in tiles of {tiling.size * scale}", partial(tiling.run, self._encode)

    def _decode_tiles(self, tile_size: int = TILE_SIZE, overlap: int = OVERLAP) -> Iterator[Way]:
        scale = self.spec.downscale
        for tiling in _tilings(tile_size, overlap, scale, output_scale=scale):
            yield f"decode in tiles of {tiling.size * scale}", partial(tiling.run, self._decode)

    def _in_batches(self, samples: Tensor, ways: Iterable[Way]) -> Tensor:
        """Run over as many samples at once as memory allows, the first way that it allows for one of them."""
        if not len(samples):
            return samples
        failure: OutOfMemoryError | None = None
        for kind, run in ways:
            if failure is not None:
                _log.warning("%s Trying to %s.", failure.message, kind)
            try:
                return self._batched(kind, run, samples)
            except OutOfMemoryError as error:
                failure = error.with_traceback(None)  # which holds what was computed
        raise failure or OutOfMemoryError("There is no way.")

    def _batched(self, kind: str, run: Callable[[Tensor], Tensor], samples: Tensor) -> Tensor:
        import torch

        key = (kind, self.spec, self.dtype, tuple(samples.shape[1:]))
        size = "x".join(map(str, samples.shape[1:]))
        with self.network.hold(), torch.inference_mode():
            results = self.batches.run(
                len(samples),
                lambda part: run(samples[part]),
                key,
                device=self.device,
                what=f"one picture or latent of {size}, to {kind}",
                most=1 if self.device == "cpu" else None,  # a processor gains nothing from batches
            )
            return torch.cat(results)


def _tilings(tile_size: int, overlap: int, scale: int, **scales: int) -> Iterator[Tiling]:
    """Yield how to cut into tiles of a size in pixels, and of ever smaller ones."""
    from inhouse.packs.diffusion.tiles import Tiling

    yield Tiling(max(1, tile_size // scale), overlap // scale, **scales)
    while (tile_size := tile_size // 2) >= LEAST_TILE:
        yield Tiling(tile_size // scale, min(overlap, tile_size // 4) // scale, **scales)


def _finished(pictures: Tensor) -> Tensor:
    return (pictures / 2 + 0.5).clamp(0, 1).movedim(1, -1).contiguous()
