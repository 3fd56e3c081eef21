from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import torch
from tests.packs.diffusion.fakes import FakeNetwork, text

from inhouse.packs.diffusion.evaluation import Evaluation
from inhouse.packs.diffusion.networks.inputs import NetworkInputs, Residuals
from inhouse.packs.diffusion.regions import Window, regions

LATENT = torch.zeros(2, 4, 12, 16)


@dataclass(frozen=True)
class FakeControl:
    value: float
    until: float = 0.0
    asked: list[int] = field(default_factory=list)

    def residuals(
        self, x: torch.Tensor, timestep: torch.Tensor, inputs: NetworkInputs, window: Window
    ) -> Residuals | None:
        assert len(x) == len(timestep) == len(inputs.context)
        assert x.shape[-2:] == window[2:]
        assert inputs.sigma is not None
        self.asked.append(len(x))
        return Residuals(middle=torch.full((len(x), 1, 1, 1), self.value)) if inputs.sigma[0] >= self.until else None


def middles(*entries: Any, sigma: float = 1.0) -> list[float] | None:
    network = FakeNetwork()
    found = regions(entries, LATENT, network.prediction)
    flat = [region for side in found for region in side]
    Evaluation(cast("Any", network)).denoised(flat, LATENT, torch.full((2,), sigma))
    residuals = network.inputs[0].residuals
    return None if residuals is None or residuals.middle is None else residuals.middle.flatten().tolist()


def test_entries_without_control_get_nothing_added() -> None:
    assert middles(text(1, control=(FakeControl(3.0),)), text(2)) == [3, 3, 0, 0]


def test_several_controls_add_up_and_one_is_asked_once_for_all_its_entries() -> None:
    shared, own = FakeControl(1.0), FakeControl(10.0)
    assert middles(text(1, control=(shared, own)), text(2, control=(shared,))) == [11, 11, 1, 1]
    assert (shared.asked, own.asked) == ([4], [2])


def test_a_control_may_have_nothing_to_say() -> None:
    assert middles(text(1, control=(FakeControl(1.0, until=5.0),)), text(2)) is None
