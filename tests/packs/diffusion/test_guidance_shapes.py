from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest
import torch
from tests.packs.diffusion.fakes import sample_prediction

from inhouse.packs.diffusion import guidance_shapes as shapes
from inhouse.packs.diffusion.guidance import GuidanceStep, classifier_free
from inhouse.packs.diffusion.guidance_variants import dual, perpendicular_negative


def step(**changes: Any) -> GuidanceStep:
    generator = torch.Generator().manual_seed(0)
    x, positive, negative, other = (torch.randn(2, 4, 8, 8, generator=generator) for _ in range(4))
    made = GuidanceStep(
        x=x,
        sigma=torch.tensor([2.0, 3.0]),
        positive=positive,
        negative=negative,
        cfg=4.0,
        prediction=sample_prediction(),
        predict=cast("Any", None),
        others=(other,),
    )
    return replace(made, **changes)


def test_where_both_directions_are_one_no_guidance_is_left() -> None:
    made = step()
    negative = made.x - 3 * (made.x - made.positive)
    torch.testing.assert_close(shapes.zero_star(replace(made, negative=negative)), made.positive)


def test_no_place_is_longer_than_the_positive_prediction() -> None:
    made = step()
    limited = shapes.normalised(1.0)(made, classifier_free(made))
    assert bool((limited.norm(dim=1) <= made.positive.norm(dim=1) * 1.0001).all())
    torch.testing.assert_close(shapes.normalised(1.0)(made, made.positive * 0.5), made.positive * 0.5)


def test_the_tangential_part_of_the_negative_direction_is_damped() -> None:
    made = step()
    damped = shapes.tangential_damping(made)
    rows = torch.stack([(made.x - made.positive).flatten(1), (made.x - made.negative).flatten(1)], 1)
    first = torch.linalg.svd(rows, full_matrices=False).Vh[:, :1]
    wanted = (rows[:, 1:] @ first.transpose(1, 2)) @ first
    torch.testing.assert_close((made.x - damped.negative).flatten(1), wanted[:, 0], atol=1e-4, rtol=1e-4)
    assert damped.positive is made.positive


def test_projected_guidance_without_its_options_is_guidance() -> None:
    made = step()
    torch.testing.assert_close(shapes.projected(1.0, 0.0, 0.0)(made), classifier_free(made), atol=1e-4, rtol=1e-4)


def test_the_change_is_limited_and_remembered_within_one_sampling() -> None:
    made = step()
    limited = shapes.projected(1.0, 2.0, 0.0)(made) - made.positive
    assert (limited.flatten(1).norm(dim=1) / 3).tolist() == pytest.approx([2.0, 2.0], rel=1e-4)

    combine = shapes.projected(1.0, 0.0, 0.5)
    first, second = combine(made), combine(made)
    assert not torch.allclose(first, second)
    torch.testing.assert_close(combine(step()), first)


def test_above_a_level_nothing_is_guided_and_below_it_the_length_is_limited() -> None:
    made = step()
    found = shapes.renormalised(2.5, 1.0)(made)
    torch.testing.assert_close(found[1], made.positive[1])
    lengths = [(made.x - latent)[0].norm() for latent in (found, made.positive)]
    assert float(lengths[0]) <= float(lengths[1]) * 1.0001


def test_epsilon_scaling_shortens_the_noise() -> None:
    made = step()
    shorter = made.x - shapes.epsilon_scaled(2.0)(made, made.positive)
    torch.testing.assert_close(shorter, (made.x - made.positive) / 2)


def test_frequencies_of_equal_weight_change_nothing_and_a_flat_change_is_low() -> None:
    made = step()
    torch.testing.assert_close(shapes.frequencies(1, 1, 2)(made).positive, made.positive, atol=1e-5, rtol=1e-5)
    flat = replace(made, positive=made.negative + 1)
    torch.testing.assert_close(shapes.frequencies(0.5, 9, 2)(flat).positive, made.negative + 0.5)


def test_two_scales_for_two_conditionings() -> None:
    made = step()
    same = replace(made, others=(made.negative,))
    for nested in (False, True):
        torch.testing.assert_close(dual(1.0, nested=nested)(same), classifier_free(same))
    wanted = made.negative + 3 * (made.others[0] - made.negative) + 4 * (made.positive - made.others[0])
    torch.testing.assert_close(dual(3.0)(made), wanted)


def test_what_the_positive_prompt_wants_too_is_not_taken_away() -> None:
    made = step()
    negative = made.others[0] + 2 * (made.positive - made.others[0])
    kept = perpendicular_negative(1.0)(replace(made, negative=negative))
    torch.testing.assert_close(kept, made.others[0] + 4 * (made.positive - made.others[0]), atol=1e-4, rtol=1e-4)
