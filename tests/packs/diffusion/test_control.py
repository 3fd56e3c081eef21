from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
import torch
from tests.packs.diffusion.controls import picture
from tests.packs.diffusion.fakes import FakeNetwork, text

from inhouse.errors import ModelMismatchError
from inhouse.packs.diffusion.control import BoundControl, ControlUse, controlled, steer
from inhouse.packs.diffusion.networks.inputs import NetworkInputs, Residuals
from inhouse.packs.diffusion.regions import Window

if TYPE_CHECKING:
    from torch import Tensor

WHOLE = Window(0, 0, 8, 8)


@dataclass(frozen=True)
class Fake:
    """Adds the mean of each sample's picture to the middle; notes the pictures that it encoded."""

    name: str = "fake"
    fits: bool = True
    encoded: list[tuple[int, ...]] = field(default_factory=list)

    def check(self, model: Any) -> None:
        del model
        if not self.fits:
            raise ModelMismatchError("no")

    def encode(self, picture: Tensor) -> tuple[Tensor, ...]:
        self.encoded.append(tuple(picture.shape))
        return (picture.mean(dim=(1, 2, 3)),)

    def residuals(self, x: Tensor, timestep: Tensor, inputs: NetworkInputs, features: tuple[Tensor, ...]) -> Residuals:
        assert len(x) == len(timestep) == len(inputs.context)
        return Residuals(middle=features[0])


MODEL: Any = FakeNetwork()


def asked(use: ControlUse, *, batch: int = 1, rows: int = 1, sigma: float = 5.0, window: Window = WHOLE) -> Any:
    ((_, options),) = controlled([steer(text(0), use)], MODEL, batch)[0]
    (control,) = options["control"]
    x = torch.zeros(rows, 4, window.height, window.width)
    inputs = NetworkInputs(torch.zeros(rows, 77, 4), sigma=torch.full((rows,), sigma))
    return control.residuals(x, torch.zeros(rows), inputs, window)


def test_what_a_control_adds_is_scaled_by_its_strength() -> None:
    image = picture()
    found = asked(ControlUse(Fake(), image, 0.5))
    torch.testing.assert_close(found.middle, image.mean()[None] * 0.5)
    assert asked(ControlUse(Fake(), image, 0.0)) is None


def test_it_counts_in_its_part_of_the_sampling_only() -> None:
    use = ControlUse(Fake(), picture(), 1.0, 0.2, 0.6)
    first, last = (MODEL.prediction.percent_to_sigma(share) for share in (0.2, 0.6))
    assert asked(use, sigma=first) is not None
    assert asked(use, sigma=last) is not None
    assert asked(use, sigma=first + 0.01) is None
    assert asked(use, sigma=last - 0.01) is None


def test_a_picture_is_cropped_to_the_latent_s_shape_and_size() -> None:
    control = Fake()
    asked(ControlUse(control, picture(100, 300)), window=Window(0, 0, 12, 8))
    assert control.encoded == [(1, 3, 96, 64)]


def test_each_sample_has_its_picture_under_every_entry() -> None:
    images = torch.stack([torch.full((64, 64, 3), value) for value in (0.25, 0.5)])
    use = ControlUse(Fake(), images)
    assert asked(use, batch=2, rows=4).middle.tolist() == [0.25, 0.5, 0.25, 0.5]
    assert asked(use, batch=3, rows=6).middle.tolist() == [0.25, 0.5, 0.25] * 2
    assert asked(use, batch=1, rows=2).middle.tolist() == [0.25, 0.25]


def test_a_picture_is_encoded_once_a_sampling_and_size() -> None:
    control = Fake()
    bound = BoundControl(ControlUse(control, picture()), MODEL, 1)
    inputs = NetworkInputs(torch.zeros(1, 77, 4), sigma=torch.ones(1))
    for window in (WHOLE, WHOLE, Window(0, 0, 8, 4)):
        bound.residuals(torch.zeros(1, 4, window.height, window.width), torch.zeros(1), inputs, window)
    assert control.encoded == [(1, 3, 64, 64), (1, 3, 64, 32)]


def test_controls_stand_one_behind_another() -> None:
    uses = [ControlUse(Fake(name), picture()) for name in "ab"]
    steered = steer(steer(text(0), uses[0]), uses[1])
    assert [use.control.name for use in steered[0][1]["control"]] == ["a", "b"]


def test_one_control_under_several_entries_is_one() -> None:
    use = ControlUse(Fake(), picture())
    sides = controlled([steer(text(1), use), steer(text(2), use)], MODEL, 1)
    assert sides[0][0][1]["control"][0] is sides[1][0][1]["control"][0]


def test_a_control_for_both_sides_steers_negative_entries_that_have_none() -> None:
    shared, own = ControlUse(Fake("shared"), picture(), both_sides=True), ControlUse(Fake("own"), picture())
    positive = steer(steer(text(1), shared), own)
    negative = [*text(2), *steer(text(3), own)]
    _, found = controlled([positive, negative], MODEL, 1)
    names = [[bound.use.control.name for bound in options["control"]] for _, options in found]
    assert names == [["shared"], ["own"]]


def test_without_a_control_nothing_changes() -> None:
    assert controlled([text(1), text(2)], MODEL, 1)[1][0][1] == {}


def test_a_control_for_another_model_is_an_error_before_sampling_starts() -> None:
    with pytest.raises(ModelMismatchError):
        controlled([steer(text(1), ControlUse(Fake(fits=False), picture()))], MODEL, 1)
