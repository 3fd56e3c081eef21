from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from tests.packs.diffusion.checkpoints import SD1, SD2, seeded, unet_tensors
from torch import Tensor

from inhouse.packs.diffusion.networks.inputs import NetworkInputs, Residuals
from inhouse.packs.diffusion.networks.unet import UNet, UNetSpec
from inhouse.packs.diffusion.patches import Patches, Place


@pytest.mark.parametrize("spec", [SD1, SD2])
def test_an_architecture_is_read_off_the_shapes_of_its_parameters(spec: UNetSpec) -> None:
    shapes = {name: tuple(tensor.shape) for name, tensor in unet_tensors(spec).items()}
    assert UNetSpec.from_shapes(shapes, head_channels=spec.head_channels) == spec


def test_a_missing_parameter_is_named() -> None:
    with pytest.raises(KeyError, match=r"time_embed\.0\.weight"):
        UNetSpec.from_shapes({}, head_channels=None)


def test_heads_are_eight_or_of_fixed_width() -> None:
    assert (SD1.heads(320), SD1.heads(1280), SD2.heads(320), SD2.heads(1280)) == (8, 8, 5, 20)


@pytest.mark.parametrize("size", [(8, 8), (9, 5), (1, 1)])
def test_every_size_of_latent_is_taken(size: tuple[int, int]) -> None:
    network = seeded(UNet(SD1))
    with torch.inference_mode():
        out = network(torch.randn(2, 4, *size), torch.tensor([1, 999]), NetworkInputs(torch.randn(2, 77, 64)))
    assert out.shape == (2, 4, *size)


def test_samples_of_a_batch_do_not_touch_each_other() -> None:
    network = seeded(UNet(SD1))
    torch.manual_seed(0)
    x, timestep, context = torch.randn(2, 4, 8, 8), torch.tensor([3, 700]), torch.randn(2, 5, 64)
    with torch.inference_mode():
        both = network(x, timestep, NetworkInputs(context))
        second = network(x[1:], timestep[1:], NetworkInputs(context[1:]))
    torch.testing.assert_close(both[1:], second, rtol=1e-4, atol=1e-5)


INPUTS = torch.linspace(-1, 1, 256).reshape(1, 4, 8, 8), torch.tensor([5]), NetworkInputs(torch.ones(1, 5, 64))


def test_feature_maps_can_be_changed_where_the_sides_of_the_u_join() -> None:
    network = seeded(UNet(SD1))
    seen: list[tuple[str, int, int, int]] = []

    def join(below: Tensor, beside: Tensor, place: Place) -> tuple[Tensor, Tensor]:
        seen.append((place.part, place.block, below.shape[1], beside.shape[1]))
        return below, beside

    with torch.inference_mode():
        torch.testing.assert_close(network(*INPUTS, patches=Patches(joining=(join,))), network(*INPUTS))
    assert seen == [("output", 0, 64, 64), ("output", 1, 64, 32), ("output", 2, 64, 32), ("output", 3, 32, 32)]


def test_feature_maps_can_be_changed_on_the_way_down_and_in_the_middle() -> None:
    network = seeded(UNet(SD1))
    seen: list[tuple[str, int, tuple[int, int]]] = []

    def note(maps: Tensor, place: Place) -> Tensor:
        seen.append((place.part, place.block, place.latent_size))
        return maps

    with torch.inference_mode():
        network(*INPUTS, patches=Patches(entering=(note,), kept=(note,), middle=(note,)))
    down = [("input", block, (8, 8)) for block in range(4) for _ in ("entering", "kept")]
    assert seen == [*down, ("middle", 0, (8, 8))]


def test_residuals_are_added_where_they_belong() -> None:
    network = seeded(UNet(SD1))
    x, timestep, inputs = INPUTS
    with torch.inference_mode():
        plain = network(x, timestep, inputs)
        zeros = Residuals(skips=(None, torch.zeros(1, 32, 8, 8)), middle=torch.zeros(1, 64, 4, 4))
        torch.testing.assert_close(network(x, timestep, replace(inputs, residuals=zeros)), plain)
        for residuals in (
            Residuals(skips=(None, torch.ones(1, 32, 8, 8))),
            Residuals(middle=torch.ones(1, 64, 4, 4)),
            Residuals(inputs=(torch.ones(1, 32, 8, 8),)),
        ):
            assert not torch.allclose(network(x, timestep, replace(inputs, residuals=residuals)), plain)


def test_a_pooled_conditioning_is_added_to_the_timestep() -> None:
    spec = replace(SD1, vector=16)
    shapes = {name: tuple(tensor.shape) for name, tensor in unet_tensors(spec).items()}
    assert UNetSpec.from_shapes(shapes, head_channels=None) == spec
    network = seeded(UNet(spec))
    x, timestep, context = torch.ones(1, 4, 4, 4), torch.tensor([5]), torch.ones(1, 3, 64)
    with torch.inference_mode():
        one, two = (
            network(x, timestep, NetworkInputs(context, vector=torch.full((1, 16), value))) for value in (0.0, 1.0)
        )
    assert not torch.allclose(one, two)


def test_channels_that_heads_cannot_share_are_refused() -> None:
    with pytest.raises(ValueError, match="32 channels cannot be shared among 0 heads"):
        UNet(replace(SD1, head_channels=64))
