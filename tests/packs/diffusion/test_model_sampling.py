from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from tests.packs.diffusion.checkpoints import save_checkpoint

from inhouse.errors import ModelUnsupportedError, NodeInputError
from inhouse.packs.diffusion import prediction
from inhouse.packs.diffusion.loading import load_checkpoint
from inhouse.packs.diffusion.model_sampling import NormalisedFormat, continuous, continuous_velocity, discrete
from inhouse.packs.diffusion.unet import DiffusionModel


@pytest.fixture
def model(tmp_path: Path) -> DiffusionModel:
    return load_checkpoint(save_checkpoint(tmp_path / "small.safetensors")).model


def test_what_a_model_predicts_is_changed_and_its_weights_are_shared(model: DiffusionModel) -> None:
    changed = discrete(model, "v_prediction")
    assert isinstance(changed.prediction, prediction.Velocity)
    assert isinstance(model.prediction, prediction.Epsilon)
    assert changed.network is model.network


def test_zero_terminal_snr_ends_in_next_to_pure_noise(model: DiffusionModel) -> None:
    assert discrete(model, "eps", zero_terminal_snr=True).prediction.sigma_max == pytest.approx(4518.76, abs=0.01)


def test_a_latent_consistency_model_knows_fifty_timesteps(model: DiffusionModel) -> None:
    assert len(discrete(model, "lcm").prediction.sigmas) == 50


def test_a_picture_that_is_translated_is_shown_as_it_is(model: DiffusionModel) -> None:
    x, sigma = torch.full((1, 4, 2, 2), 3.0), torch.tensor([5.0])
    assert discrete(model, "img_to_img").prediction.scale_input(x, sigma).equal(x)
    assert not discrete(model, "x0").prediction.scale_input(x, sigma).equal(x)


def test_levels_between_two_are_known_by_their_logarithm_or_their_angle(model: DiffusionModel) -> None:
    edm = continuous(model, "edm", 0.002, 80.0).prediction
    assert edm.sigma_data == 0.5
    assert [edm.sigma_min, edm.sigma_max] == pytest.approx([0.002, 80.0], rel=1e-4)
    angles = continuous_velocity(model, 0.03, 500.0).prediction
    assert float(angles.timestep(torch.tensor(1.0))) == pytest.approx(0.5)
    assert float(angles.sigma(torch.tensor(0.5))) == pytest.approx(1.0)
    assert angles.percent_to_sigma(0.5) == pytest.approx(math.sqrt(0.03 * 500))


def test_latents_with_means_of_their_own_come_back(model: DiffusionModel) -> None:
    form = continuous(model, "edm_playground_v2.5", 0.002, 80.0).latent_format
    assert isinstance(form, NormalisedFormat)
    latent = torch.randn(2, 4, 3, 3, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(form.out_of_model(form.into_model(latent)), latent)
    assert float(form.into_model(torch.tensor(form.means).view(1, 4, 1, 1)).abs().max()) == 0


def test_what_no_model_here_predicts_is_an_error_that_says_so(model: DiffusionModel) -> None:
    with pytest.raises(ModelUnsupportedError, match="cosmos_rflow"):
        continuous(model, "cosmos_rflow", 0.002, 80.0)


@pytest.mark.parametrize(("low", "high", "named"), [(0, 1, "sigma_min"), (1, 1, "sigma_max"), (0.03, 0, "sigma_max")])
def test_a_range_without_levels_is_refused(model: DiffusionModel, low: float, high: float, named: str) -> None:
    with pytest.raises(NodeInputError) as told:
        continuous(model, "eps", low, high)
    assert told.value.input_name == named
    with pytest.raises(NodeInputError):
        continuous_velocity(model, low, high)
