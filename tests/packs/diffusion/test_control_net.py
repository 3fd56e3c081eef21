from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tests.packs.diffusion.checkpoints import SD2, save, save_checkpoint, seeded
from tests.packs.diffusion.controls import adapter, control_tensors, picture
from torch import nn

from inhouse.errors import ModelMismatchError
from inhouse.packs.diffusion.control_loading import load_control_net
from inhouse.packs.diffusion.control_net import Adapter, ControlNet
from inhouse.packs.diffusion.handle import Handle
from inhouse.packs.diffusion.loading import load_checkpoint
from inhouse.packs.diffusion.names import unet_from_diffusers
from inhouse.packs.diffusion.networks.inputs import NetworkInputs
from inhouse.packs.diffusion.networks.unet import UNet, UNetSpec
from inhouse.packs.diffusion.unet import DiffusionModel


@pytest.fixture
def model(tmp_path: Path) -> DiffusionModel:
    return load_checkpoint(save_checkpoint(tmp_path / "small.safetensors")).model


def loaded(folder: Path, name: str = "lines") -> ControlNet:
    control = load_control_net(save(folder / f"{name}.safetensors", control_tensors()))
    assert isinstance(control, ControlNet)
    return control


def inputs(rows: int = 1) -> NetworkInputs:
    return NetworkInputs(torch.randn(rows, 77, 64), sigma=torch.ones(rows))


def test_a_control_net_steers_the_model_that_it_was_made_for(tmp_path: Path, model: DiffusionModel) -> None:
    control = loaded(tmp_path)
    control.check(model)
    x, told = torch.randn(1, 4, 8, 8), inputs()
    features = control.encode(picture().movedim(-1, 1))
    found = control.residuals(x, torch.tensor([5.0]), told, features)
    assert [tuple(maps.shape) for maps in found.skips if maps is not None] == [
        (1, 32, 8, 8), (1, 32, 8, 8), (1, 32, 4, 4), (1, 64, 4, 4)
    ]  # fmt: skip
    plain = model.predict(x, torch.tensor([5.0]), told)
    steered = model.predict(x, torch.tensor([5.0]), NetworkInputs(told.context, residuals=found))
    assert not plain.allclose(steered, atol=1e-2)


def test_an_inpainting_model_shows_it_the_latent_alone(tmp_path: Path) -> None:
    control = loaded(tmp_path)
    x, told = torch.randn(1, 9, 8, 8), inputs()
    features = control.encode(picture().movedim(-1, 1))
    all_of_it, latent = (control.residuals(part, torch.ones(1), told, features) for part in (x, x[:, :4]))
    assert all_of_it.middle is not None
    assert latent.middle is not None
    assert all_of_it.middle.equal(latent.middle)


def test_samples_that_do_not_fit_at_once_are_worked_on_in_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    control, x, told = loaded(tmp_path), torch.randn(5, 4, 8, 8), inputs(5)
    features = control.encode(picture().movedim(-1, 1).repeat(5, 1, 1, 1))
    whole = control.residuals(x, torch.ones(5), told, features)
    network = control.network.get()
    forward = network.forward

    def limited(x: torch.Tensor, *told: Any, **how: Any) -> Any:
        if len(x) > 2:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return forward(x, *told, **how)

    monkeypatch.setattr(network, "forward", limited)
    parts = control.residuals(x, torch.ones(5), told, features)
    torch.testing.assert_close(parts.middle, whole.middle)
    torch.testing.assert_close(parts.skips, whole.skips)


def test_one_for_shuffled_pictures_counts_by_its_means(tmp_path: Path) -> None:
    assert not loaded(tmp_path).pooled
    control = loaded(tmp_path, "lines_shuffle")
    found = control.residuals(
        torch.randn(1, 4, 8, 8), torch.ones(1), inputs(), control.encode(torch.rand(1, 3, 64, 64))
    )
    assert found.skips[0] is not None
    assert found.skips[0].std(dim=(2, 3)).max() < 1e-6


def test_another_base_is_an_error_that_names_both(tmp_path: Path) -> None:
    other = load_checkpoint(save_checkpoint(tmp_path / "other.safetensors", SD2)).model
    with pytest.raises(ModelMismatchError, match=r"lines.*conditioning 64 wide, channels 32-64.*channels 64-128"):
        loaded(tmp_path).check(other)


def small_adapter(folder: Path) -> Adapter:
    network = adapter(channels=[32, 64], num_res_blocks=1)
    control = load_control_net(save(folder / "sketch.safetensors", dict(network.state_dict())))
    assert isinstance(control, Adapter)
    return control


def test_an_adapter_computes_what_diffusers_does(tmp_path: Path) -> None:
    network = adapter(channels=[32, 64], num_res_blocks=1)
    shown = picture().movedim(-1, 1)
    with torch.no_grad():
        wanted = network(shown)
    for found, theirs in zip(small_adapter(tmp_path).encode(shown), wanted, strict=True):
        torch.testing.assert_close(found, theirs)


def test_an_adapter_for_another_model_is_an_error(tmp_path: Path, model: DiffusionModel) -> None:
    control = Adapter("sketch", small_adapter(tmp_path).network, 3, (1, 3), (32, 64), torch.float32)
    control.check(model)
    with pytest.raises(ModelMismatchError, match=r"T2I-adapter sketch was made for a UNet whose levels have 320, 640"):
        Adapter("sketch", control.network, 3, (1, 3), (320, 640), torch.float32).check(model)


def test_a_grey_adapter_is_shown_a_grey_picture(tmp_path: Path) -> None:
    network = adapter(in_channels=1, channels=[32, 64], num_res_blocks=1)
    control = load_control_net(save(tmp_path / "grey.safetensors", dict(network.state_dict())))
    shown = picture().movedim(-1, 1)
    with torch.no_grad():
        wanted = network(shown.mean(dim=1, keepdim=True))
    torch.testing.assert_close(control.encode(shown)[0], wanted[0])


def test_feature_maps_are_added_where_the_adapter_says(tmp_path: Path) -> None:
    control = Adapter("xl", small_adapter(tmp_path).network, 3, (1, None), (32, 64), torch.float32)
    maps = (torch.ones(1, 32, 8, 8), torch.ones(1, 64, 4, 4))
    found = control.residuals(torch.zeros(1, 4, 8, 8), torch.ones(1), inputs(), maps)
    assert found.inputs == (None, maps[0])
    assert found.middle is maps[1]


SD1_BLOCKS: dict[str, Any] = {
    "block_out_channels": (32, 32, 64, 64),
    "down_block_types": (*["CrossAttnDownBlock2D"] * 3, "DownBlock2D"),
    "up_block_types": ("UpBlock2D", *["CrossAttnUpBlock2D"] * 3),
    "cross_attention_dim": 64,
    "attention_head_dim": 8,
}
XL_BLOCKS: dict[str, Any] = {
    "block_out_channels": (32, 32, 64),
    "down_block_types": ("DownBlock2D", *["CrossAttnDownBlock2D"] * 2),
    "up_block_types": (*["CrossAttnUpBlock2D"] * 2, "UpBlock2D"),
    "cross_attention_dim": 64,
    "attention_head_dim": 8,
}


@pytest.mark.parametrize(
    ("blocks", "places", "sizes"),
    [(SD1_BLOCKS, (2, 5, 8, 11), (16, 8, 4, 2)), (XL_BLOCKS, (3, 5, 8, None), (8, 8, 4, 4))],
    ids=["SD 1", "SDXL"],
)
def test_an_adapter_s_feature_maps_act_as_they_do_in_diffusers(
    blocks: dict[str, Any], places: tuple[int | None, ...], sizes: tuple[int, ...]
) -> None:
    from diffusers import UNet2DConditionModel

    theirs: nn.Module = seeded(UNet2DConditionModel(**blocks))
    marks: Any = dict(theirs.state_dict())
    tensors: Any = unet_from_diffusers(marks)
    ours = UNet(UNetSpec.from_shapes({name: tuple(t.shape) for name, t in tensors.items()}, head_channels=None))
    ours.load_state_dict({name: t.reshape(ours.get_parameter(name).shape) for name, t in tensors.items()})
    x, context, timestep = torch.randn(1, 4, 16, 16), torch.randn(1, 77, 64), torch.tensor([300.0])
    channels = [ours.spec.input[-1 if place is None else place].out_channels for place in places]
    maps = tuple(torch.randn(1, width, size, size) for width, size in zip(channels, sizes, strict=True))
    control = Adapter("x", Handle(nn.Identity, nbytes=0), 3, places, tuple(channels), torch.float32)
    told = NetworkInputs(context, residuals=control.residuals(x, timestep, NetworkInputs(context), maps))
    with torch.no_grad():
        (wanted,) = theirs(x, timestep, context, down_intrablock_additional_residuals=list(maps), return_dict=False)
        torch.testing.assert_close(ours(x, timestep, told), wanted, rtol=1e-4, atol=1e-4)
