from __future__ import annotations

import pytest
import torch

from inhouse.packs.diffusion import sigmas
from inhouse.packs.diffusion.noise_levels import DiscreteLevels
from inhouse.packs.diffusion.prediction import Epsilon

LEVELS = torch.tensor([8.0, 4.0, 2.0, 1.0, 0.0])


def test_parts_share_the_level_between() -> None:
    high, low = sigmas.split(LEVELS, 1)
    assert (high.tolist(), low.tolist()) == ([8, 4], [4, 2, 1, 0])


@pytest.mark.parametrize(("denoise", "steps"), [(1.0, 4), (0.5, 2), (0.3, 1), (0.0, 0)])
def test_the_second_part_has_a_share_of_the_steps(denoise: float, steps: int) -> None:
    high, low = sigmas.split_by_share(LEVELS, denoise)
    assert (len(high) - 1, len(low) - 1) == (4 - steps, steps)


def test_turned_round_they_rise_from_a_level_that_has_a_direction() -> None:
    assert sigmas.flipped(LEVELS).tolist() == pytest.approx([1e-4, 1, 2, 4, 8])
    assert LEVELS[-1] == 0
    assert len(sigmas.flipped(torch.empty(0))) == 0


def test_another_first_level_leaves_the_given_ones_alone() -> None:
    assert sigmas.with_first(LEVELS, 9).tolist() == [9, 4, 2, 1, 0]
    assert LEVELS[0] == 8


def test_steps_between_two_levels_become_several() -> None:
    assert sigmas.extended(LEVELS, 2, 4.0, 2.0).tolist() == [8, 4, 3, 2, 1.5, 1, 0]
    assert sigmas.extended(LEVELS, 1, -1.0, 0.0).tolist() == LEVELS.tolist()


def test_spacings_go_fast_or_slow_at_first() -> None:
    between = [float(sigmas.extended(LEVELS[:2], 2, -1, 0, spacing)[1]) for spacing in ("cosine", "linear", "sine")]
    assert between == sorted(between)
    assert between[1] == 6


def test_turbo_starts_where_the_share_says() -> None:
    prediction = Epsilon(DiscreteLevels.from_betas())
    whole = sigmas.turbo(prediction, 2)
    assert whole.tolist() == pytest.approx([*prediction.sigma(torch.tensor([999.0, 899.0])).tolist(), 0])
    assert sigmas.turbo(prediction, 10, 0.3).tolist() == pytest.approx(
        [*prediction.sigma(torch.tensor([299.0, 199.0, 99.0])).tolist(), 0]
    )


@pytest.mark.parametrize(("family", "second"), [("SD1", 6.475), ("SDXL", 6.318), ("SVD", 54.5)])
def test_the_published_schedule_of_ten_steps_is_returned_as_it_is(family: str, second: float) -> None:
    found = sigmas.align_your_steps(family, 10)
    assert len(found) == 11
    assert float(found[1]) == pytest.approx(second, abs=1e-3)
    assert found[-1] == 0


def test_a_share_of_it_is_its_end() -> None:
    whole = sigmas.align_your_steps("SD1", 20)
    assert sigmas.align_your_steps("SD1", 20, 0.25).tolist() == whole[-6:].tolist()
    assert len(sigmas.align_your_steps("SD1", 20, 0.0)) == 0
