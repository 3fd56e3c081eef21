from __future__ import annotations

from typing import Any

import pytest
import torch
from tests.packs.diffusion.fakes import sample_prediction, text

from inhouse.packs.diffusion import conditioning as c
from inhouse.packs.diffusion.regions import Region, Window, regions

LATENT = torch.zeros(1, 4, 12, 16)


def only(conditioning: c.Conditioning, latent: torch.Tensor = LATENT) -> list[Region]:
    return regions([conditioning], latent, sample_prediction())[0]


def test_an_entry_without_area_sees_everything_at_its_strength() -> None:
    (region,) = only(text(1, strength=0.5))
    assert region.window == Window(0, 0, 12, 16)
    assert region.weight == 0.5
    assert region.counts_at(0.0)
    assert region.counts_at(1e9)


def test_borders_of_an_area_inside_the_picture_fade_over_a_quarter_of_it() -> None:
    (region,) = only(c.set_area(text(1), width=64, height=64, x=64, y=32))
    assert region.window == Window(4, 8, 8, 8)
    ramp = torch.tensor([0.5, 1, 1, 1, 1, 1, 1, 1])
    assert region.weight[0, 0].equal(ramp[:, None] * ramp)


def test_fading_takes_no_more_than_eight_latent_pixels() -> None:
    (region,) = only(c.set_area(text(1), width=512, height=512, x=64, y=0), torch.zeros(1, 4, 64, 96))
    row = region.weight[0, 0, 0]
    torch.testing.assert_close(row[:8], torch.arange(1, 9) / 8)
    assert row[8:56].eq(1).all()
    torch.testing.assert_close(row[56:], torch.arange(8, 0, -1) / 8)


def test_areas_are_cut_at_the_border_and_left_out_beyond_it() -> None:
    (region,) = only(c.set_area(text(1), width=640, height=640, x=64, y=32))
    assert region.window == Window(4, 8, 8, 8)
    assert only(c.set_area(text(1), width=64, height=64, x=128, y=0)) == []


def test_areas_in_shares_follow_the_picture() -> None:
    (region,) = only(c.set_area_percentage(text(1), width=0.5, height=0.25, x=0.5, y=0.75))
    assert region.window == Window(9, 8, 3, 8)


def test_masks_weight_and_are_stretched_over_the_picture() -> None:
    mask = torch.zeros(96, 128)
    mask[:, 64:] = 1
    (region,) = only(c.set_mask(text(1, strength=0.5), mask, strength=0.5))
    assert region.window == Window(0, 0, 12, 16)
    assert region.weight[0, 0, 0, [0, -1]].tolist() == [0, 0.25]


def test_mask_bounds_limit_what_the_network_sees() -> None:
    mask = torch.zeros(12, 16)
    mask[3:12, 4:14] = 1
    (region,) = only(c.set_mask(text(1), mask, area="mask bounds"))
    assert region.window == Window(3, 4, 9, 10)
    assert region.weight.eq(1).all()
    assert only(c.set_mask(text(1), torch.zeros(12, 16), area="mask bounds")) == []


def test_mask_bounds_are_no_smaller_than_networks_can_see() -> None:
    mask = torch.zeros(12, 16)
    mask[10, 2] = 1
    (region,) = only(c.set_mask(text(1), mask, area="mask bounds"))
    assert region.window == Window(4, 2, 8, 8)
    assert region.weight.sum() == 1


@pytest.mark.parametrize(("start", "end"), [(0.0, 0.5), (0.5, 1.0), (0.25, 0.75)])
def test_ranges_are_noise_levels(start: float, end: float) -> None:
    prediction = sample_prediction()
    (region,) = only(c.set_timestep_range(text(1), start, end))
    for share in (0.1, 0.4, 0.6, 0.9):
        assert region.counts_at(prediction.percent_to_sigma(share)) == (start <= share <= end)


def area(value: float, **options: Any) -> c.Conditioning:
    return c.set_area(text(value, **options), width=64, height=64, x=64, y=32)


def test_a_window_of_one_side_is_shown_to_the_other_too() -> None:
    positive, negative = regions([[*text(1), *area(2)], text(3)], LATENT, sample_prediction())
    assert [region.window for region in negative] == [region.window for region in positive]
    assert negative[1].vectors.eq(3).all()
    assert negative[1].weight.equal(positive[1].weight)


def test_a_window_that_both_sides_have_is_not_added() -> None:
    positive, negative = regions([area(2), area(3)], LATENT, sample_prediction())
    assert len(positive) == len(negative) == 1


def test_an_added_window_takes_the_narrowest_entry_around_it() -> None:
    around = c.set_area(text(4), width=96, height=96, x=32, y=0)
    _, negative = regions([area(2), [*text(3), *around]], LATENT, sample_prediction())
    assert negative[2].window == Window(4, 8, 8, 8)
    assert negative[2].vectors.eq(4).all()
    beside = c.set_area(text(4), width=64, height=96, x=0, y=0)
    _, negative = regions([area(2), [*text(3), *beside]], LATENT, sample_prediction())
    assert negative[2].vectors.eq(3).all()
