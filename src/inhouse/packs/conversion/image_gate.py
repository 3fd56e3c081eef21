"""Parts of diffusion models are judged by what they draw: the picture at a fixed seed, beside the original's."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from inhouse.packs.conversion.adversarial import held_out
from inhouse.packs.conversion.metrics import Figure, psnr, ssim

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from inhouse.backends.sessions.base import Feeds
    from inhouse.packs.conversion.model import Answer, Metric, SourceModel

Array: TypeAlias = "NDArray[Any]"

STEPS = 8
"""Of the short sampling: errors add up over steps, and show."""
_STRUCTURE = 3
"""1 - SSIM may be so many times what the root mean squared error may."""
_SPREAD = 6.0
"""Latents that nothing decodes are shown over so many of their standard deviations."""


@dataclass(frozen=True, slots=True)
class Studio:
    """Draws with one part of a diffusion model, whatever computes it; all else is the original's, in float32.

    Attributes:
        source: the part: a denoiser, which takes ``timestep`` too, or a decoder of latents.
        seed: of the noise that a picture begins with.

    """

    source: SourceModel
    seed: int = 0

    def pictures(self, original: Answer, converted: Answer) -> tuple[Array, Array]:
        """Return the picture by the original and the one by the converted part: (height, width, channels), 0 to 1."""
        if not any(spec.name == "timestep" for spec in self.source.inputs):
            first = self.source.inputs[0]
            feeds = {first.name: self._noise(first.shape[1:])}
            return _shown(_first(original(feeds))), _shown(_first(converted(feeds)))
        latents = [self._sampled(answer) for answer in (original, converted)]
        decode = self._decoder()
        if decode is not None:
            return _shown(decode(latents[0])), _shown(decode(latents[1]))
        middle, spread = float(latents[0].mean()), float(latents[0].std()) or 1.0
        first_, second = (_plain((found - middle) / (_SPREAD * spread) + 0.5) for found in latents)
        return first_, second

    def _sampled(self, answer: Answer) -> Array:
        """Return latents after a short sampling by the pipeline's own schedule, DDIM's where it has none."""
        import torch

        scheduler = _scheduler(self.source.path.parent / "scheduler")
        scheduler.set_timesteps(STEPS)
        row = dict(held_out(self.source.samples)[0])
        sample = self.source.inputs[0]
        latents = torch.from_numpy(self._noise(sample.shape[1:])) * float(scheduler.init_noise_sigma)
        for step in scheduler.timesteps:
            taken = scheduler.scale_model_input(latents, step)
            row |= {sample.name: taken.numpy(), "timestep": np.array([int(step)], row["timestep"].dtype)}
            latents = scheduler.step(torch.from_numpy(_first(answer(row))).float(), step, latents).prev_sample
        found: Array = latents.numpy()
        return found

    def _noise(self, shape: tuple[int | str, ...]) -> Array:
        sizes = [size if isinstance(size, int) else 32 for size in shape]
        return np.random.default_rng(self.seed).standard_normal((1, *sizes), np.float32)

    def _decoder(self) -> Callable[[Array], Array] | None:
        """Return the pipeline's decoder of latents; None where there is none beside the part."""
        folder = self.source.path.parent / "vae"
        if not (folder / "config.json").is_file():
            return None
        import torch
        from diffusers import AutoencoderKL

        vae = AutoencoderKL.from_pretrained(folder, local_files_only=True, use_safetensors=True).eval()

        def decode(latents: Array) -> Array:
            with torch.inference_mode():
                scaled = torch.from_numpy(latents) / vae.config.scaling_factor
                found: Array = vae.decode(scaled, return_dict=False)[0].numpy()
            return found

        return decode


def image_figures(metric: Metric, original: Array, converted: Array) -> Iterator[Figure]:
    """Yield how alike two pictures are, and how alike they must be.

    Args:
        metric: its ``max_drop`` is the root mean squared error allowed, of pixels of 0 to 1: 0.01 is a PSNR of 40 dB.
        original: a picture.
        converted: another one.

    """
    allowed = max(metric.max_drop, 1e-10)
    yield Figure("PSNR in dB", psnr(original, converted), -20 * math.log10(allowed), at_least=True)
    yield Figure("SSIM", ssim(original, converted), 1 - _STRUCTURE * allowed, at_least=True)


def _scheduler(folder: Path) -> Any:
    import diffusers

    if not (folder / "scheduler_config.json").is_file():
        return diffusers.DDIMScheduler(clip_sample=False)
    return diffusers.DDIMScheduler.from_pretrained(folder, local_files_only=True, clip_sample=False)


def _first(outputs: Feeds) -> Array:
    return next(iter(outputs.values()))


def _shown(decoded: Array) -> Array:
    """Return a decoder's output, -1 to 1, as a picture."""
    return _plain(decoded / 2 + 0.5)


def _plain(found: Array) -> Array:
    """Return (1, channels, height, width) as a picture; what is no number is black, and would be seen."""
    picture: Array = np.clip(np.nan_to_num(found[0], nan=0.0, posinf=1.0, neginf=0.0), 0, 1).transpose(1, 2, 0)
    return picture
