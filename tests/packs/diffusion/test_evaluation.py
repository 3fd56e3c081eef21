from __future__ import annotations

from typing import Any, cast

import pytest
import torch
from tests.packs.diffusion.fakes import FakeNetwork, text

from inhouse.errors import InterruptedRunError, OutOfMemoryError
from inhouse.packs.diffusion import conditioning as c
from inhouse.packs.diffusion.evaluation import Evaluation
from inhouse.packs.diffusion.regions import Region, regions

LATENT = torch.zeros(2, 4, 12, 16)
SIGMA = torch.ones(2)


def entries(network: FakeNetwork, *conditionings: c.Conditioning) -> list[Region]:
    return regions([entry for one in conditionings for entry in one], [], LATENT, network.prediction)[0]


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
def test_running_out_of_memory_halves_the_batch_and_changes_no_number(largest: int) -> None:
    network = FakeNetwork(largest=largest)
    predicted = evaluation(network).denoised(entries(network, text(1), text(2)), LATENT, SIGMA)
    assert predicted[0].eq(1).all()
    assert predicted[1].eq(2).all()
    assert all(x[0] <= largest for x, _ in network.calls)


def test_too_little_memory_for_one_sample_is_an_error() -> None:
    network = FakeNetwork(largest=0)
    with pytest.raises(OutOfMemoryError):
        evaluation(network).denoised(entries(network, text(1)), LATENT, SIGMA)


def test_in_reference_mode_calls_are_never_made_smaller() -> None:
    network = FakeNetwork(largest=3)
    with pytest.raises(OutOfMemoryError):
        evaluation(network, reference=True).denoised(entries(network, text(1), text(2)), LATENT, SIGMA)


def test_a_check_before_each_call_can_stop_it() -> None:
    network = FakeNetwork()

    def stop() -> None:
        raise InterruptedRunError

    with pytest.raises(InterruptedRunError):
        evaluation(network, check=stop).denoised(entries(network, text(1)), LATENT, SIGMA)
    assert network.calls == []


def test_hooks_that_a_model_carries_reach_its_network() -> None:
    network = FakeNetwork(options={"join": "hook", "guidance": "not the network's"})
    evaluation(network).denoised(entries(network, text(1)), LATENT, SIGMA, attention="other")
    assert network.extras == [{"join": "hook", "attention": "other"}]
