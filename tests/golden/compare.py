"""Compares what a run made with a golden result."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
from PIL import Image
from safetensors.numpy import load_file

HERE = Path(__file__).parent
BEYOND = frozenset({"l_peft_plain"})
"""Cases that are not followed: keys of a LoRA that ComfyUI leaves out are applied."""
CASES = {
    path.name: path for folder in ("cases", "cases2") for path in (HERE / folder).iterdir() if path.name not in BEYOND
}
"""Name of a case -> its folder."""
LATENT_LIMIT = 1e-3
"""Largest allowed max|a - b| / std(reference) of a latent, in float32."""
PIXEL_LIMIT = 2
"""Largest allowed difference of a pixel, of 255."""
LEFT_OUT = {"l_vae_b*": ".latent", "mm_msd_*_zsnr1*": ".png"}
"""Cases -> what is not compared: latents that the autoencoder in question has no part in; pictures of latents in the
thousands, which are black and white."""


@dataclass(frozen=True, slots=True)
class Difference:
    """How far one file is from its golden twin.

    Attributes:
        file: name of the golden file.
        value: the measure, in the unit of the limit.
        limit: the largest value allowed.

    """

    file: str
    value: float
    limit: float

    @property
    def within(self) -> bool:
        """Whether the difference is allowed."""
        return self.value <= self.limit


def golden_files(case: Path) -> list[Path]:
    """Return the golden files of a case that are compared, in order of the nodes that made them."""
    left_out = next((suffix for pattern, suffix in LEFT_OUT.items() if fnmatch(case.name, pattern)), "")
    return sorted(path for path in case.iterdir() if path.suffix in (".latent", ".png") and path.suffix != left_out)


def difference(golden: Path, made: Path) -> Difference:
    """Measure one file against its golden twin."""
    if golden.suffix == ".png":
        pixels = [np.asarray(Image.open(path).convert("RGB"), dtype=np.int16) for path in (golden, made)]
        same = pixels[0].shape == pixels[1].shape
        value = float(np.abs(pixels[0] - pixels[1]).max()) if same else float("inf")
        return Difference(golden.name, value, PIXEL_LIMIT)
    wanted, got = (load_file(path)["latent_tensor"].astype(np.float64) for path in (golden, made))
    value = float(np.abs(wanted - got).max() / wanted.std()) if wanted.shape == got.shape else float("inf")
    return Difference(golden.name, value, LATENT_LIMIT)


def differences(case: Path, made: list[Path]) -> list[Difference]:
    """Measure the files that a run of a case made, given in the order of the golden ones of their kind."""
    wanted = golden_files(case)
    by_suffix = {suffix: [path for path in made if path.suffix == suffix] for suffix in {g.suffix for g in wanted}}
    pairs = [
        (golden, path)
        for suffix, found in by_suffix.items()
        for golden, path in zip([g for g in wanted if g.suffix == suffix], found, strict=True)
    ]
    return [difference(golden, path) for golden, path in pairs]
