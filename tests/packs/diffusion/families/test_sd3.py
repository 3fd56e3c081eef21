from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tests.packs.diffusion.checkpoints import save
from tests.packs.diffusion.transformers import sd3, sd3_original, vae16
from torch import Tensor

from inhouse.errors import ModelFormatError, NodeInputError
from inhouse.packs.diffusion.loading import load_checkpoint
from inhouse.packs.diffusion.lora import apply_lora
from inhouse.packs.diffusion.lora_file import Lora
from inhouse.packs.diffusion.networks.inputs import NetworkInputs
from inhouse.packs.diffusion.networks.sd3 import SD3Spec
from inhouse.packs.diffusion.noise_levels import FlowLevels
from inhouse.packs.diffusion.prediction import Flow
from inhouse.packs.diffusion.samplers.registry import SAMPLERS
from inhouse.packs.diffusion.sampling import Guider, sample_sigmas


def single_file(folder: Path, *, newer: bool = False) -> Path:
    tensors = sd3_original(sd3(newer=newer).state_dict(), 3)
    return save(folder / "m.safetensors", {f"model.diffusion_model.{name}": tensor for name, tensor in tensors.items()})


def bare_file(folder: Path, *, newer: bool = False) -> Path:
    return save(folder / "m.safetensors", sd3_original(sd3(newer=newer).state_dict(), 3))


def diffusers_folder(folder: Path, *, newer: bool = False) -> Path:
    sd3(newer=newer).save_pretrained(folder / "transformer")
    vae16().save_pretrained(folder / "vae")
    return folder


def told() -> tuple[Tensor, Tensor, NetworkInputs]:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(1, 16, 8, 6, generator=generator)
    context, vector = torch.randn(1, 7, 48, generator=generator), torch.randn(1, 40, generator=generator)
    return x, torch.tensor([400.0]), NetworkInputs(context, vector)


@pytest.mark.parametrize("newer", [False, True])
@pytest.mark.parametrize("written", [single_file, bare_file, diffusers_folder])
def test_every_arrangement_gives_the_same_model(
    tmp_path: Path,
    written: Callable[..., Path],
    newer: bool,  # noqa: FBT001
) -> None:
    model = load_checkpoint(written(tmp_path, newer=newer)).model
    assert isinstance(model.spec, SD3Spec)
    assert model.spec.dual == ((0, 1) if newer else ())
    x, timestep, inputs = told()
    with torch.inference_mode():
        wanted = sd3(newer=newer)(x, inputs.context, inputs.vector, timestep).sample
    torch.testing.assert_close(model.predict(x, timestep, inputs), wanted, rtol=1e-4, atol=1e-5)


def test_it_samples_over_shifted_straight_paths_of_sixteen_channels(tmp_path: Path) -> None:
    model, clip, vae = load_checkpoint(diffusers_folder(tmp_path))
    assert clip is None
    assert vae is not None
    assert vae.spec.latent_channels == 16
    assert isinstance(model.prediction, Flow)
    assert isinstance(model.prediction.levels, FlowLevels)
    assert model.prediction.levels.shift == 3.0
    assert float(model.prediction.timestep(torch.tensor(0.25))) == 250.0
    latent = torch.randn(1, 16, 2, 2)
    torch.testing.assert_close(model.latent_format.into_model(latent), (latent - 0.0609) * 1.5305)


def test_the_autoencoder_is_diffusers_one(tmp_path: Path) -> None:
    vae = load_checkpoint(diffusers_folder(tmp_path)).vae
    assert vae is not None
    pixels = torch.rand(1, 16, 24, 3, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        wanted = vae16().encode(pixels.movedim(-1, 1) * 2 - 1).latent_dist.mean
    torch.testing.assert_close(vae.encode(pixels), wanted, rtol=1e-3, atol=1e-4)


def test_a_latent_of_another_family_is_refused(tmp_path: Path) -> None:
    model, _, vae = load_checkpoint(diffusers_folder(tmp_path))
    assert vae is not None
    with pytest.raises(NodeInputError, match="4 channels, the VAE's latents have 16"):
        vae.decode(torch.randn(1, 4, 8, 8))
    conditioning = [[torch.zeros(1, 7, 48), {"pooled_output": torch.zeros(1, 40)}]]
    latent = {"samples": torch.randn(1, 4, 8, 8)}
    sigmas = torch.tensor([1.0, 0.0])
    with pytest.raises(NodeInputError, match="4 channels, the model's latents have 16"):
        sample_sigmas(Guider(model, conditioning), sampler=SAMPLERS["euler"], sigmas=sigmas, seed=0, latent=latent)
    empty = {"samples": torch.zeros(1, 4, 7, 5)}
    sampled = sample_sigmas(Guider(model, conditioning), sampler=SAMPLERS["euler"], sigmas=sigmas, seed=0, latent=empty)
    assert sampled.latent["samples"].shape == (1, 16, 7, 5)


def test_the_pooled_output_is_told_and_needed(tmp_path: Path) -> None:
    model = load_checkpoint(single_file(tmp_path)).model
    vector = torch.randn(1, 40)
    assert model.conditioner({"pooled_output": vector}, (8, 8)) == {"vector": vector}
    with pytest.raises(NodeInputError, match="pooled output of 40 channels"):
        model.conditioner({"pooled_output": torch.randn(1, 768)}, (8, 8))


def test_half_a_file_is_refused(tmp_path: Path) -> None:
    tensors = sd3_original(sd3().state_dict(), 3)
    del tensors["y_embedder.mlp.0.weight"]
    with pytest.raises(ModelFormatError, match="incomplete"):
        load_checkpoint(save(tmp_path / "m.safetensors", tensors))


@pytest.mark.parametrize(
    "prefix", ["lora_unet_joint_blocks_1_x_block_attn_", "diffusion_model.joint_blocks.1.x_block.attn."]
)
def test_a_lora_on_queries_keys_and_values_in_one_is_split_like_them(tmp_path: Path, prefix: str) -> None:
    model = load_checkpoint(single_file(tmp_path)).model
    generator = torch.Generator().manual_seed(3)
    down, up = torch.randn(2, 128, generator=generator), torch.randn(384, 2, generator=generator)
    lora = Lora.from_tensors("mine", {f"{prefix}qkv.lora_down.weight": down, f"{prefix}qkv.lora_up.weight": up})
    changed, _ = apply_lora(model, None, lora, 1.0, 0)
    assert changed is not None
    before, after = model.network.get(), changed.network.get()
    with torch.inference_mode():
        made = [
            after.get_submodule(path)(torch.eye(128)) - before.get_submodule(path)(torch.eye(128))
            for path in (f"transformer_blocks.1.attn.to_{letter}" for letter in "qkv")
        ]
    torch.testing.assert_close(torch.cat(made, dim=1).T, up @ down, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    "name",
    ["transformer.transformer_blocks.1.attn.add_k_proj", "lora_transformer_transformer_blocks_1_attn_add_k_proj"],
)
def test_diffusers_names_of_layers_are_known(tmp_path: Path, name: str) -> None:
    model = load_checkpoint(single_file(tmp_path)).model
    (target,) = model.targets[name]
    assert (target.path, target.shape) == ("transformer_blocks.1.attn.add_k_proj", (128, 128))
