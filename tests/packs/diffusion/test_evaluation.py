from __future__ import annotations

from typing import Any, cast

import pytest
import torch
from tests.packs.diffusion.fakes import FakeNetwork, text

from inhouse.backends.sharing import SharedSteps
from inhouse.errors import InterruptedRunError, OutOfMemoryError
from inhouse.packs.diffusion import conditioning as c
from inhouse.packs.diffusion.evaluation import Evaluation, alone
from inhouse.packs.diffusion.networks.inputs import NetworkInputs
from inhouse.packs.diffusion.patches import Patches
from inhouse.packs.diffusion.regions import Region, regions

LATENT = torch.zeros(2, 4, 12, 16)
SIGMA = torch.ones(2)


def entries(network: FakeNetwork, *conditionings: c.Conditioning) -> list[Region]:
    return regions([[entry for one in conditionings for entry in one]], LATENT, network.prediction)[0]


def evaluation(network: FakeNetwork, **changes: Any) -> Evaluation:
    return Evaluation(cast("Any", network), **changes)


def test_entries_of_one_shape_are_asked_about_in_one_call() -> None:
    network = FakeNetwork()
    first, second = evaluation(network).denoised(entries(network, text(1), text(2)), LATENT, SIGMA)
    assert network.calls == [((4, 4, 12, 16), (4, 77, 4))]
    assert first.eq(1).all()
    assert second.eq(2).all()


def test_shorter_texts_are_repeated_to_the_longer_ones() -> None:
    network = FakeNetwork()
    predicted = evaluation(network).denoised(entries(network, text(1), text(2, tokens=154)), LATENT, SIGMA)
    assert network.calls == [((4, 4, 12, 16), (4, 154, 4))]
    assert [float(one.mean()) for one in predicted] == [1, 2]


def test_texts_with_no_common_length_are_asked_about_apart() -> None:
    network = FakeNetwork()
    predicted = evaluation(network).denoised(entries(network, text(1), text(2, tokens=78)), LATENT, SIGMA)
    assert [context[1] for _, context in network.calls] == [77, 78]
    assert [float(one.mean()) for one in predicted] == [1, 2]


def test_windows_of_other_sizes_are_asked_about_apart_and_come_back_in_order() -> None:
    network = FakeNetwork()
    small = c.set_area(text(1), width=64, height=64, x=0, y=0)
    predicted = evaluation(network).denoised(entries(network, text(3), small, text(2)), LATENT, SIGMA)
    assert len(network.calls) == 2
    assert [float(one.mean()) for one in predicted] == [3, 1, 2]
    assert predicted[1].shape == (2, 4, 8, 8)


@pytest.mark.parametrize("largest", [1, 2, 3])
def test_a_batch_that_does_not_fit_is_asked_about_in_parts_and_no_number_changes(largest: int) -> None:
    network = FakeNetwork(largest=largest)
    asking = evaluation(network, ask=SharedSteps().ask)
    predicted = asking.denoised(entries(network, text(1), text(2)), LATENT, SIGMA)
    assert predicted[0].eq(1).all()
    assert predicted[1].eq(2).all()
    assert all(x[0] <= largest for x, _ in network.calls)


def test_too_little_memory_for_one_sample_is_an_error() -> None:
    network = FakeNetwork(largest=0)
    with pytest.raises(OutOfMemoryError):
        evaluation(network).denoised(entries(network, text(1)), LATENT, SIGMA)


def test_alone_a_call_is_never_made_smaller() -> None:
    network = FakeNetwork(largest=3)
    with pytest.raises(OutOfMemoryError):
        evaluation(network).denoised(entries(network, text(1), text(2)), LATENT, SIGMA)


def test_a_check_before_each_call_can_stop_it() -> None:
    network = FakeNetwork()

    def stop() -> None:
        raise InterruptedRunError

    with pytest.raises(InterruptedRunError):
        evaluation(network, check=stop).denoised(entries(network, text(1)), LATENT, SIGMA)
    assert network.calls == []


def test_text_that_may_not_be_repeated_is_asked_about_apart() -> None:
    network = FakeNetwork(text_repeats=False)
    evaluation(network).denoised(entries(network, text(1), text(2, tokens=154)), LATENT, SIGMA)
    assert [context[1] for _, context in network.calls] == [77, 154]


def test_the_network_is_told_noise_levels_and_which_samples_are_negative() -> None:
    network = FakeNetwork()
    positive, negative = regions([text(1), text(2)], LATENT, network.prediction)
    evaluation(network).denoised([*positive, *negative], LATENT, SIGMA * 3)
    inputs = network.inputs[0]
    assert inputs.sigma is not None
    assert inputs.sigma.tolist() == [3, 3, 3, 3]
    assert inputs.negative is not None
    assert inputs.negative.tolist() == [False, False, True, True]


def test_patches_reach_the_network() -> None:
    network, patches = FakeNetwork(), Patches(middle=(lambda h, _: h,))
    evaluation(network).denoised(entries(network, text(1)), LATENT, SIGMA, patches)
    assert network.patched == [patches]


def test_how_the_network_is_called_can_be_chosen() -> None:
    network = FakeNetwork()

    def ask(model: Any, x: torch.Tensor, timestep: torch.Tensor, inputs: NetworkInputs, patches: Patches) -> Any:
        assert model is network
        return alone(cast("Any", model), x, timestep, inputs, patches) * 2

    (denoised,) = evaluation(network, ask=ask).denoised(entries(network, text(1)), LATENT, SIGMA)
    assert denoised.eq(2).all()
