from __future__ import annotations

from typing import Any

import torch
from tests.packs.diffusion.fakes import place, sample_prediction
from torch import Tensor

from inhouse.packs.diffusion.guidance import GuidanceStep
from inhouse.packs.diffusion.patches import UNPATCHED, Patches
from inhouse.packs.diffusion.skipping import SkipLayers

POSITIVE = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
SKIPPED = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(1))
BLOCKS = {"double": frozenset({1})}


def step(sigma: float = 0.5, asked: list[Patches] | None = None) -> GuidanceStep:
    def predict(*, x: Tensor | None = None, patches: Patches = UNPATCHED, side: int = 0) -> Tensor:
        del x, side
        if asked is not None:
            asked.append(patches)
        return SKIPPED

    return GuidanceStep(
        x=POSITIVE,
        sigma=torch.tensor([sigma]),
        positive=POSITIVE,
        negative=SKIPPED,
        cfg=4.0,
        prediction=sample_prediction(),
        predict=predict,
    )


def test_the_prediction_moves_away_from_the_one_without_the_blocks() -> None:
    denoised = torch.ones(1, 4, 8, 8)
    moved = SkipLayers(BLOCKS, 3.0, 0.9, 0.1)(step(), denoised)
    torch.testing.assert_close(moved, 1 + (POSITIVE - SKIPPED) * 3)


def test_it_counts_only_in_its_part_of_the_sampling() -> None:
    denoised, asked = torch.ones(1, 4, 8, 8), list[Patches]()
    for guidance, sigma in (
        (SkipLayers(BLOCKS, 3.0, 0.9, 0.1), 0.95),
        (SkipLayers(BLOCKS, 3.0, 0.9, 0.1), 0.05),
        (SkipLayers(BLOCKS, 0.0, 0.9, 0.1), 0.5),
    ):
        assert guidance(step(sigma, asked), denoised) is denoised
    assert not asked


def test_rescaled_fully_the_contrast_is_the_positive_predictions() -> None:
    moved = SkipLayers(BLOCKS, 3.0, 0.9, 0.1, rescale=1.0)(step(), torch.ones(1, 4, 8, 8))
    torch.testing.assert_close(moved.std(), POSITIVE.std())


def test_only_the_named_blocks_are_left_out() -> None:
    asked: list[Patches] = []
    SkipLayers(BLOCKS, 1.0, 0.9, 0.1)(step(asked=asked), POSITIVE)
    (skip,) = asked[0].blocks
    tensors = {"image": POSITIVE}

    def run(given: Any) -> Any:
        return {"image": given["image"] + 1}

    assert skip(run, tensors, place("double", 1)) == {}
    for part, block in (("double", 0), ("single", 1)):
        torch.testing.assert_close(skip(run, tensors, place(part, block))["image"], POSITIVE + 1)
