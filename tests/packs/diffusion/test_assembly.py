from __future__ import annotations

import logging
from pathlib import Path

import pytest
import torch
from tests.packs.diffusion.checkpoints import save, text_tensors, unet_tensors, vae_tensors

from inhouse.backends.residency import Residency
from inhouse.errors import ModelFormatError
from inhouse.packs.diffusion.assembly import Placement, build_diffusion_model, build_text_model, build_vae
from inhouse.packs.diffusion.families.encoders import CLIP_L
from inhouse.packs.diffusion.layouts import read_components
from inhouse.packs.diffusion.noise_levels import DiscreteLevels
from inhouse.packs.diffusion.prediction import Epsilon

EPSILON = Epsilon(DiscreteLevels.from_betas())


def test_a_networks_size_is_known_before_it_is_read(tmp_path: Path) -> None:
    weights = read_components(save(tmp_path / "vae.safetensors", vae_tensors())).vae
    full, half = build_vae(weights, Placement()), build_vae(weights, Placement(torch.bfloat16))
    assert full.network.nbytes == 2 * half.network.nbytes == sum(t.numel() * 4 for t in vae_tensors().values())
    assert not full.network.loaded
    assert {p.dtype for p in half.network.get().parameters()} == {torch.bfloat16}


def test_autoencoders_do_not_compute_in_float16_which_some_overflow(tmp_path: Path) -> None:
    weights = read_components(save(tmp_path / "vae.safetensors", vae_tensors())).vae
    vae = build_vae(weights, Placement(torch.float16))
    assert vae.dtype == torch.float32
    assert {p.dtype for p in vae.network.get().parameters()} == {torch.float32}


def test_text_models_compute_in_float32_whatever_the_rest_does(tmp_path: Path) -> None:
    tensors = {name: tensor.half() for name, tensor in text_tensors().items()}
    weights = read_components(save(tmp_path / "clip.safetensors", tensors)).text
    model = build_text_model(weights, CLIP_L, Placement(torch.bfloat16))
    assert model.stored == torch.float16
    assert {p.dtype for p in model.base.get().parameters()} == {torch.float32}


def test_a_network_without_its_beginning_is_refused_by_file(tmp_path: Path) -> None:
    tensors = {name: t for name, t in unet_tensors().items() if not name.startswith("time_embed")}
    weights = read_components(save(tmp_path / "m.safetensors", tensors)).unet
    with pytest.raises(ModelFormatError, match=r"m\.safetensors: the network is incomplete, 'time_embed\.0\.weight'"):
        build_diffusion_model(weights, EPSILON, Placement(), head_channels=None)


def test_networks_are_in_inference_mode(tmp_path: Path) -> None:
    weights = read_components(save(tmp_path / "m.safetensors", unet_tensors())).unet
    network = build_diffusion_model(weights, EPSILON, Placement(), head_channels=None).base.get()
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_a_networks_weights_can_be_rounded_as_if_stored_smaller(tmp_path: Path) -> None:
    weights = read_components(save(tmp_path / "m.safetensors", unet_tensors())).unet
    placement = Placement(rounded=torch.float8_e4m3fn)
    network = build_diffusion_model(weights, EPSILON, placement, head_channels=None).base.get()
    for name, tensor in unet_tensors().items():
        parameter = network.get_parameter(name)
        assert parameter.dtype == torch.float32
        assert parameter.equal(tensor.to(torch.float8_e4m3fn).float().reshape(parameter.shape))


def test_compact_weights_stay_as_they_are_stored_and_compute_the_same(tmp_path: Path) -> None:
    file = save(tmp_path / "vae.safetensors", {name: tensor.half() for name, tensor in vae_tensors().items()})
    weights, latent = read_components(file).vae, torch.ones(1, 4, 2, 2)
    whole, compact = build_vae(weights, Placement()), build_vae(weights, Placement(compact=True))
    assert compact.decode(latent).equal(whole.decode(latent))
    large = {p.dtype for p in compact.network.get().parameters() if p.numel() > 2**14}
    assert large <= {torch.float16}
    assert compact.network.nbytes * 2 == whole.network.nbytes


def test_networks_of_one_placement_share_its_memory_and_one_too_large_for_it_runs_in_parts(tmp_path: Path) -> None:
    weights = read_components(save(tmp_path / "vae.safetensors", vae_tensors())).vae
    size = build_vae(weights, Placement()).network.nbytes
    latent = torch.ones(1, 4, 2, 2)
    roomy, tight = (Placement(residency=Residency({"cpu": budget})) for budget in (size, size - 1))
    first, second = build_vae(weights, roomy), build_vae(weights, roomy)
    pictures = [first.decode(latent), second.decode(latent), build_vae(weights, tight).decode(latent)]
    assert (first.network.loaded, second.network.loaded) == (False, True)
    assert tight.residency.streamed == 1
    assert all(picture.equal(pictures[0]) for picture in pictures)


def test_shapes_that_no_network_has_are_refused_by_file(tmp_path: Path) -> None:
    weights = read_components(save(tmp_path / "m.safetensors", unet_tensors())).unet
    model = build_diffusion_model(weights, EPSILON, Placement(), head_channels=64)
    with pytest.raises(ModelFormatError, match=r"m\.safetensors: no network has these shapes: 32 channels cannot be"):
        model.base.get()


def test_each_network_that_comes_into_memory_is_counted_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    weights = read_components(save(tmp_path / "vae.safetensors", vae_tensors())).vae
    vae = build_vae(weights, Placement())
    with caplog.at_level(logging.INFO, "inhouse.packs.diffusion"):
        vae.network.get()
        vae.network.get()
    assert [getattr(record, "counts", None) for record in caplog.records] == ["model_loads"]
    assert "vae.safetensors" in caplog.text
