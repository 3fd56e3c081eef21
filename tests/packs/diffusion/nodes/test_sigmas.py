from __future__ import annotations

from typing import Any, cast

import pytest
from tests.packs.diffusion.fakes import FakeNetwork

from inhouse.packs.diffusion.nodes import sigmas as nodes

MODEL = cast("Any", FakeNetwork())


@pytest.mark.parametrize(
    "made",
    [
        nodes.basic(model=MODEL, scheduler="normal", steps=4),
        nodes.karras(steps=4),
        nodes.exponential(steps=4),
        nodes.polyexponential(steps=4),
        nodes.laplace(steps=4),
        nodes.variance_preserving(steps=4),
        nodes.beta_sampling(model=MODEL, steps=4),
        nodes.sd_turbo(model=MODEL, steps=4),
        nodes.align_your_steps(model_type="SD1", steps=4),
    ],
)
def test_each_schedule_falls_to_zero_in_as_many_steps_as_asked_for(made: Any) -> None:
    assert len(made) == 5
    assert made[-1] == 0
    assert bool((made.diff() < 0).all())


def test_a_share_of_a_schedule_is_its_end() -> None:
    assert len(nodes.basic(model=MODEL, scheduler="normal", steps=4, denoise=0.5)) == 5
    assert len(nodes.basic(model=MODEL, scheduler="normal", steps=4, denoise=0.0)) == 0


def test_levels_are_parted_turned_round_and_changed() -> None:
    levels = nodes.karras(steps=4)
    assert [len(part) for part in nodes.split(sigmas=levels, step=1)] == [2, 4]
    assert [len(part) for part in nodes.split_by_share(sigmas=levels, denoise=0.25)] == [4, 2]
    assert nodes.flip(sigmas=levels)[-1] == levels[0]
    assert nodes.set_first(sigmas=levels, sigma=20)[0] == 20
    assert len(nodes.extend(sigmas=levels, steps=3, end_at_sigma=0.0, spacing="sine")) == 13


def test_a_share_of_the_sampling_has_a_level() -> None:
    prediction = MODEL.prediction
    assert nodes.percent_to_sigma(model=MODEL, sampling_percent=0.5) == prediction.percent_to_sigma(0.5)
    ends = [(share, actual) for actual in (False, True) for share in (0.0, 1.0)]
    found = [nodes.percent_to_sigma(model=MODEL, sampling_percent=s, return_actual_sigma=a) for s, a in ends]
    assert found == [nodes.ABOVE_ALL, 0.0, prediction.sigma_max, prediction.sigma_min]
