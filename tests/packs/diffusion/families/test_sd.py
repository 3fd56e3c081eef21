from __future__ import annotations

import pytest
from tests.packs.diffusion.checkpoints import SD1, SD2, unet_tensors

from inhouse.packs.diffusion.families.sd import is_sd_unet, prediction_of
from inhouse.packs.diffusion.layouts import Components
from inhouse.packs.diffusion.prediction import Epsilon, Velocity


def shapes(which: object) -> dict[str, tuple[int, ...]]:
    spec = SD1 if which is SD1 else SD2
    return {name: tuple(tensor.shape) for name, tensor in unet_tensors(spec).items()}


def test_the_two_generations_differ_in_how_projections_are_stored() -> None:
    assert is_sd_unet(shapes(SD1), projection_axes=4)
    assert not is_sd_unet(shapes(SD1), projection_axes=2)
    assert is_sd_unet(shapes(SD2), projection_axes=2)


def test_a_network_with_pooled_conditioning_is_another_family() -> None:
    assert not is_sd_unet({**shapes(SD2), "label_emb.0.0.weight": (256, 2816)}, projection_axes=2)


def test_a_network_cut_in_half_is_no_network() -> None:
    assert not is_sd_unet({k: v for k, v in shapes(SD1).items() if k != "out.2.weight"}, projection_axes=4)


@pytest.mark.parametrize(
    ("metadata", "flags", "default", "kind"),
    [
        ({}, set(), False, Epsilon),
        ({}, set(), True, Velocity),
        ({}, {"v_pred"}, False, Velocity),
        ({"modelspec.prediction_type": "v"}, set(), False, Velocity),
        ({"modelspec.prediction_type": "v_prediction"}, set(), False, Velocity),
        ({"modelspec.prediction_type": "epsilon"}, set(), True, Epsilon),
        ({"modelspec.prediction_type": "epsilon"}, {"v_pred"}, False, Velocity),
    ],
)
def test_what_a_file_says_of_its_prediction_counts(
    metadata: dict[str, str], flags: set[str], *, default: bool, kind: type
) -> None:
    components = Components("x", metadata=metadata, flags=frozenset(flags))
    assert type(prediction_of(components, velocity=default)) is kind


def test_zero_terminal_snr_raises_the_highest_level() -> None:
    plain, zero = prediction_of(Components("x")), prediction_of(Components("x", flags=frozenset({"ztsnr"})))
    assert plain.sigma_max == pytest.approx(14.61, abs=0.01)
    assert zero.sigma_max > 1000
