"""How near the pictures of the default precision are to those of float32: the box's icon model, 50 prompts.

    python -m benchmarks.fidelity [PRECISION]

Each prompt is drawn twice from the same noise, in the precision (bfloat16 by default) and in float32, by the settings
of the text-to-image template. The figure is the peak signal-to-noise ratio of the 8-bit pictures, in dB.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from benchmarks.measure import ROOT, keep

from inhouse.backends.residency import Residency
from inhouse.packs.diffusion.assembly import Placement
from inhouse.packs.diffusion.loading import load_checkpoint
from inhouse.packs.diffusion.sampling import sample
from inhouse.packs.diffusion.text.encoder import TextEncoder
from inhouse.workers.session import BOX

if TYPE_CHECKING:
    from torch import Tensor

    from inhouse.packs.diffusion.assembly import Checkpoint

PROMPTS = ROOT / "training" / "icons" / "phrasings.txt"
COUNT = 50
WANTED = 30.0
"""dB, of every picture."""


def prompts(path: Path = PROMPTS) -> list[str]:
    """Return every second of the held-out wordings."""
    lines = [line.split("|")[0].strip() for line in path.read_text().splitlines()]
    return [line for line in lines if line and not line.startswith("#")][: 2 * COUNT : 2]


def placed(dtype: torch.dtype) -> Checkpoint:
    """Return the icon model in a precision."""
    residency = Residency()
    return load_checkpoint(BOX / "checkpoints" / "icons.safetensors", Placement(dtype, residency=residency))


def draw(model: Checkpoint, prompt: str, seed: int) -> Tensor:
    """Return the 8-bit picture (height, width, 3) of a prompt."""
    assert model.clip is not None
    assert model.vae is not None
    encoder = TextEncoder(model.clip)
    latent = sample(
        model.model,
        seed=seed,
        steps=20,
        cfg=3.0,
        sampler="dpmpp_2m",
        schedule="karras",
        positive=encoder.encode(prompt),
        negative=encoder.encode(""),
        latent={"samples": torch.zeros(1, 4, 16, 16)},
    )
    return (model.vae.decode(latent["samples"])[0] * 255).round()


def psnr(picture: Tensor, reference: Tensor) -> float:
    """Return the peak signal-to-noise ratio of 8-bit pictures in dB; 99 where they are equal."""
    error = float((picture - reference).square().mean())
    return 99.0 if not error else float(10 * torch.log10(torch.tensor(255.0**2 / error)))


def main() -> int:
    """Print a table, keep the figures; return 1 if a picture is further from float32 than wanted."""
    precision = sys.argv[1] if len(sys.argv) > 1 else "bfloat16"
    exact, fast = placed(torch.float32), placed(getattr(torch, precision))
    found = {}
    for seed, prompt in enumerate(prompts()):
        found[prompt] = psnr(draw(fast, prompt, seed), draw(exact, prompt, seed))
        print(f"{found[prompt]:6.1f} dB  {prompt}", flush=True)
    values = torch.tensor(list(found.values()))
    below = {prompt: round(value, 2) for prompt, value in found.items() if value < WANTED}
    figures = {
        "pictures": len(found),
        "minimum": round(float(values.min()), 2),
        "median": round(float(values.median()), 2),
        "share below 30": len(below) / len(found),
        "below 30": below,
    }
    print(
        f"{precision}: minimum {figures['minimum']} dB, median {figures['median']} dB, {len(below)} below {WANTED:.0f}"
    )
    keep("fidelity", {precision: figures})
    return 1 if below else 0


if __name__ == "__main__":
    sys.exit(main())
