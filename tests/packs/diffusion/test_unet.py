from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tests.packs.diffusion.checkpoints import save_checkpoint
from torch import Tensor

from inhouse.packs.diffusion.adapters import change_of
from inhouse.packs.diffusion.assembly import Placement
from inhouse.packs.diffusion.loading import load_checkpoint
from inhouse.packs.diffusion.lora import LoraApplication
from inhouse.packs.diffusion.networks.attention import sdpa
from inhouse.packs.diffusion.networks.inputs import NetworkInputs
from inhouse.packs.diffusion.noise_levels import DiscreteLevels
from inhouse.packs.diffusion.patches import Attention, Call, Patches, Site
from inhouse.packs.diffusion.prediction import Velocity
from inhouse.packs.diffusion.unet import DiffusionModel, LatentFormat

INPUTS = (
    torch.linspace(-1, 1, 256).reshape(1, 4, 8, 8),
    torch.tensor([500]),
    NetworkInputs(torch.linspace(-1, 1, 640).reshape(1, 10, 64)),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return save_checkpoint(tmp_path / "small.safetensors")


@pytest.fixture
def model(path: Path) -> DiffusionModel:
    return load_checkpoint(path).model


def bias(value: float) -> LoraApplication:
    change = change_of({"diff": torch.full((4,), value)})
    assert change is not None
    return LoraApplication({"out.2.bias": change}, 1.0)


def test_latents_are_scaled_into_the_model_and_back() -> None:
    form = LatentFormat(scale_factor=0.5, shift_factor=1.0)
    latent = torch.tensor([1.0, 3.0])
    assert form.into_model(latent).tolist() == [0.0, 1.0]
    assert form.out_of_model(form.into_model(latent)).equal(latent)


def test_what_it_takes_can_be_told_before_a_weight_is_read(model: DiffusionModel) -> None:
    assert (model.in_channels, model.context_width, model.latent_format.channels) == (4, 64, 4)
    assert not model.base.loaded
    assert model.base.nbytes == sum(p.numel() * 4 for p in model.base.get().parameters())


def test_loras_add_up_and_leave_the_first_model_as_it_is(model: DiffusionModel) -> None:
    plain = model.predict(*INPUTS)
    patched = model.with_lora(bias(1.0)).with_lora(bias(0.5))
    torch.testing.assert_close(patched.predict(*INPUTS), plain + 1.5)
    assert model.predict(*INPUTS).equal(plain)


def test_other_settings_keep_the_patched_network(model: DiffusionModel) -> None:
    patched = model.with_lora(bias(1.0))
    other = patched.with_options(scale=3).with_prediction(Velocity(DiscreteLevels.from_betas()))
    assert other.network is patched.network
    assert other.options == {"scale": 3}
    assert isinstance(other.prediction, Velocity)
    assert patched.options == {}


def test_attention_can_be_replaced_at_chosen_sites(model: DiffusionModel) -> None:
    plain = model.predict(*INPUTS)

    def perturbed(
        attend: Attention, query: Tensor, key: Tensor, value: Tensor, heads: int, site: Site | None
    ) -> Tensor:
        assert site is not None
        skipped = site.part == "middle" and not site.cross
        return value if skipped else attend(query, key, value, heads, site)

    assert replace(model, attention=sdpa).predict(*INPUTS).equal(plain)
    patched = model.with_patches(Patches(attention=(perturbed,)))
    assert patched.network is model.network
    assert not torch.allclose(patched.predict(*INPUTS), plain)
    assert model.predict(*INPUTS).equal(plain)


def test_a_function_around_the_network_may_call_it_as_it_likes(model: DiffusionModel) -> None:
    def double(call: Call, x: Tensor, timestep: Tensor, inputs: NetworkInputs) -> Tensor:
        return call(x, timestep, inputs) * 2

    def one_more(call: Call, x: Tensor, timestep: Tensor, inputs: NetworkInputs) -> Tensor:
        return call(x, timestep, inputs) + 1

    patched = model.with_patches(Patches(network=(double,))).with_patches(Patches(network=(one_more,)))
    torch.testing.assert_close(patched.predict(*INPUTS), model.predict(*INPUTS) * 2 + 1)


def test_another_type_gives_about_the_same_in_float32(path: Path, model: DiffusionModel) -> None:
    half = load_checkpoint(path, Placement(torch.bfloat16)).model
    out = half.predict(*INPUTS)
    assert out.dtype == torch.float32
    assert half.base.nbytes == model.base.nbytes // 2
    torch.testing.assert_close(out, model.predict(*INPUTS), rtol=0.1, atol=0.1)
