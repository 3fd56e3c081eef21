from __future__ import annotations

from typing import Any, cast

import torch
from tests.packs.diffusion.fakes import FakeNetwork, text

from inhouse.packs.diffusion.evaluation import ignore
from inhouse.packs.diffusion.guiders import dual_guider, perp_neg_guider, with_perp_neg
from inhouse.packs.diffusion.sampling import Guider

MODEL = cast("Any", FakeNetwork())
X, SIGMA = torch.zeros(1, 4, 8, 8), torch.tensor([1.0])


def guided(guider: Guider) -> float:
    return float(guider.denoiser(X, None, ignore)(X, SIGMA).mean())


def test_each_conditioning_has_a_scale_of_its_own() -> None:
    assert guided(dual_guider(MODEL, text(5), text(3), text(1), 2.0, 10.0)) == 1 + 10 * 2 + 2 * 2
    assert guided(dual_guider(MODEL, text(5), text(3), text(1), 2.0, 10.0, nested=True)) == 1 + 10 * (3 + 2 * 2 - 1)


def test_all_sides_are_asked_about_in_one_call() -> None:
    network = FakeNetwork()
    guided(dual_guider(cast("Any", network), text(5), text(3), text(1), 2.0, 10.0))
    assert [shape[0] for shape, _ in network.calls] == [3]


def test_a_negative_prompt_along_the_positive_one_is_not_taken_away() -> None:
    assert guided(perp_neg_guider(MODEL, text(3), text(5), text(1), 4.0, 1.0)) == 1 + 4 * 2


def test_a_model_may_carry_it_for_any_guider() -> None:
    model = with_perp_neg(MODEL, text(1), 1.0)
    assert guided(Guider(model, text(3), text(5), 4.0)) == 1 + 4 * 2
