from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest
import torch
from tests.packs.diffusion.fakes import FakeNetwork, text
from torch import Tensor

from inhouse.errors import NodeInputError
from inhouse.packs.diffusion import conditioning as c
from inhouse.packs.diffusion.guidance import Guidance, GuidanceStep, GuidedDenoiser, guidance_of, guided
from inhouse.packs.diffusion.patches import UNPATCHED, Patches

X = torch.zeros(1, 4, 12, 16)
SIGMA = torch.ones(1)


def denoiser(
    network: FakeNetwork, positive: c.Conditioning, negative: c.Conditioning, cfg: float = 7.0
) -> GuidedDenoiser:
    return guided(cast("Any", network), positive, negative, cfg, X)


def test_guidance_extrapolates_from_negative_to_positive() -> None:
    network = FakeNetwork()
    assert denoiser(network, text(2), text(1))(X, SIGMA).eq(1 + 7 * (2 - 1)).all()
    assert len(network.calls) == 1


def test_at_scale_one_the_negative_side_is_not_asked_about() -> None:
    network = FakeNetwork()
    assert denoiser(network, text(2), text(1), cfg=1.0)(X, SIGMA).eq(2).all()
    assert network.calls[0][0][0] == 1


def test_cfg_plus_plus_gets_both_predictions_at_any_scale() -> None:
    guided_latent, negative = denoiser(FakeNetwork(), text(2), text(1), cfg=1.0).pair(X, SIGMA)
    assert guided_latent.eq(2).all()
    assert negative.eq(1).all()


def test_without_negative_entries_the_positive_prediction_stands() -> None:
    assert denoiser(FakeNetwork(), text(2), [])(X, SIGMA).eq(2).all()


def test_entries_are_averaged_by_their_strengths() -> None:
    positive = c.combine(text(1, strength=3.0), text(5, strength=1.0))
    assert denoiser(FakeNetwork(), positive, text(0), cfg=1.0)(X, SIGMA).eq(2).all()


def test_an_area_counts_inside_and_fades_at_its_inner_borders() -> None:
    positive = c.combine(text(0), c.set_area(text(1), width=64, height=64, x=64, y=32))
    result = denoiser(FakeNetwork(), positive, text(0), cfg=1.0)(X, SIGMA)[0, 0]
    assert not result[:4].any()
    assert not result[:, :8].any()
    torch.testing.assert_close(result[4, 8], torch.tensor(0.25 / 1.25))
    torch.testing.assert_close(result[5, 9], torch.tensor(0.5))


def test_where_one_side_says_nothing_there_is_no_guidance() -> None:
    positive = c.set_area(text(2), width=64, height=96, x=64, y=0)
    result = denoiser(FakeNetwork(), positive, text(1))(X, SIGMA)[0, 0]
    assert result[:, :8].eq(1).all()
    assert result[:, 8:].eq(8).all()


def test_so_it_is_at_scale_one() -> None:
    positive = c.set_area(text(2), width=64, height=96, x=64, y=0)
    result = denoiser(FakeNetwork(), positive, text(1), cfg=1.0)(X, SIGMA)[0, 0]
    assert result[:, :8].eq(1).all()
    assert result[:, 8:].eq(2).all()
    early = c.set_timestep_range(text(2), 0.0, 0.5)
    assert denoiser(FakeNetwork(), early, text(1), cfg=1.0)(X, torch.tensor([0.1])).eq(1).all()


def test_entries_count_only_in_their_range() -> None:
    network = FakeNetwork()
    early, late = c.set_timestep_range(text(1), 0.0, 0.5), c.set_timestep_range(text(2), 0.5, 1.0)
    ask = denoiser(network, c.combine(early, late), text(0), cfg=1.0)
    assert ask(X, torch.tensor([14.0])).eq(1).all()
    assert ask(X, torch.tensor([0.1])).eq(2).all()


def test_a_noise_level_at_which_nothing_counts_is_an_error() -> None:
    early = c.set_timestep_range(text(1), 0.0, 0.5)
    with pytest.raises(NodeInputError, match="timestep range"):
        denoiser(FakeNetwork(), early, early)(X, torch.tensor([0.1]))


def test_a_model_can_carry_another_way_to_combine_and_changes_behind_it() -> None:
    def halfway(step: GuidanceStep) -> Tensor:
        return (step.positive + step.negative) / 2

    def double(step: GuidanceStep, denoised: Tensor) -> Tensor:
        assert step.cfg == 7
        return denoised * 2

    network = FakeNetwork().with_options(guidance=Guidance(combine=halfway).then(double))
    assert denoiser(network, text(2), text(1))(X, SIGMA).eq(3).all()


def test_a_change_can_ask_the_network_again() -> None:
    more = Patches(middle=(lambda h, _: h,))

    def again(step: GuidanceStep, denoised: Tensor) -> Tensor:
        return denoised + step.predict(patches=more) + step.predict(side=1)

    network = FakeNetwork()
    carrying = network.with_options(guidance=guidance_of(cast("Any", network)).then(again))
    assert denoiser(carrying, text(2), text(1))(X, SIGMA).eq(8 + 2 + 1).all()
    assert carrying.patched == [UNPATCHED, more, UNPATCHED]


def test_predictions_can_be_changed_before_they_are_combined() -> None:
    def without_negative(step: GuidanceStep) -> GuidanceStep:
        return replace(step, negative=step.positive)

    network = FakeNetwork().with_options(guidance=Guidance(prepare=(without_negative,)))
    assert denoiser(network, text(2), text(1))(X, SIGMA).eq(2).all()


def test_guidance_may_have_further_sides() -> None:
    network = FakeNetwork().with_options(guidance=Guidance(combine=lambda step: step.positive + step.others[0]))
    three = guided(cast("Any", network), text(2), text(1), 7.0, X, others=[text(5)])
    assert three(X, SIGMA).eq(7).all()


def test_what_an_entry_says_beside_its_text_reaches_the_network() -> None:
    network = FakeNetwork()
    denoiser(network, text(1, vector=torch.ones(1, 3)), text(2, vector=torch.zeros(1, 3)))(X, SIGMA)
    vector = network.inputs[0].vector
    assert vector is not None
    assert vector.tolist() == [[1, 1, 1], [0, 0, 0]]


def test_guidance_may_ask_for_the_negative_side_at_scale_one() -> None:
    guidance = Guidance(combine=lambda step: step.negative, always_negative=True)
    network = FakeNetwork().with_options(guidance=guidance)
    assert denoiser(network, text(2), text(1), cfg=1.0)(X, SIGMA).eq(1).all()


def test_text_of_another_family_is_refused_before_anything_is_computed() -> None:
    model = FakeNetwork(context_width=8)
    with pytest.raises(NodeInputError, match=r"negative conditioning is 4 wide and the model takes 8") as caught:
        denoiser(model, [[torch.zeros(1, 77, 8), {}]], text(0))
    assert caught.value.input_name == "negative"
    assert not model.calls
