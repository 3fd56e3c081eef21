"""Diffusers and transformers are the other opinion here: their models, saved by them, must compute the same in ours."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from tests.packs.diffusion.checkpoints import SD1, save, seeded

from inhouse.models.formats import open_model
from inhouse.packs.diffusion.loading import load_checkpoint
from inhouse.packs.diffusion.names import (
    diffusers_unet_name,
    original_unet_name,
    text_from_openclip,
    unet_prefixes_of_names,
    unet_prefixes_of_spec,
)
from inhouse.packs.diffusion.networks.inputs import NetworkInputs
from inhouse.packs.diffusion.text_model import TextModel
from inhouse.packs.diffusion.weights import shapes, weights_of

BLOCKS = {"sample_size": 8, "block_out_channels": (32, 64), "layers_per_block": 1}


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any, Any, Any]:
    """A folder as diffusers saves it, and the UNet, autoencoder and text model in it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from diffusers import AutoencoderKL, UNet2DConditionModel
        from transformers import CLIPTextConfig, CLIPTextModel

        unet = UNet2DConditionModel(
            **BLOCKS,
            down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
            cross_attention_dim=64,
        )
        vae = AutoencoderKL(
            **BLOCKS,
            down_block_types=("DownEncoderBlock2D",) * 2,
            up_block_types=("UpDecoderBlock2D",) * 2,
            latent_channels=4,
        )
        config = CLIPTextConfig(
            vocab_size=100, hidden_size=64, intermediate_size=128, num_hidden_layers=3, num_attention_heads=1
        )
        text = CLIPTextModel(config)
        folder = tmp_path_factory.mktemp("theirs")
        for name, model in (("unet", unet), ("vae", vae), ("text_encoder", text)):
            seeded(model, seed=3).save_pretrained(folder / name)
        (folder / "model_index.json").write_text("{}")
    return folder, unet, vae, text


def test_a_unet_computes_what_diffusers_computes(theirs: tuple[Path, Any, Any, Any]) -> None:
    folder, unet, _, _ = theirs
    torch.manual_seed(0)
    x, timestep, context = torch.randn(2, 4, 8, 8), torch.tensor([7, 960]), torch.randn(2, 9, 64)
    with torch.inference_mode():
        expected = unet(x, timestep, context).sample
    torch.testing.assert_close(load_checkpoint(folder).model.predict(x, timestep, NetworkInputs(context)), expected)


def test_an_autoencoder_computes_what_diffusers_computes(theirs: tuple[Path, Any, Any, Any]) -> None:
    folder, _, autoencoder, _ = theirs
    vae = load_checkpoint(folder).vae
    assert vae is not None
    torch.manual_seed(0)
    pixels = torch.rand(1, 16, 12, 3)
    with torch.inference_mode():
        latents = autoencoder.encode(pixels.movedim(-1, 1) * 2 - 1).latent_dist.mean
        pictures = autoencoder.decode(latents).sample.movedim(1, -1) / 2 + 0.5
    torch.testing.assert_close(vae.encode(pixels), latents)
    torch.testing.assert_close(vae.decode(latents), pictures.clamp(0, 1))


def test_a_text_model_computes_what_transformers_computes(theirs: tuple[Path, Any, Any, Any]) -> None:
    folder, _, _, text = theirs
    models = load_checkpoint(folder).clip
    assert models is not None
    clip = cast("TextModel", models.parts["l"])
    assert clip is not None
    ids = torch.randint(0, 98, (2, 77), generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected = text(ids, output_hidden_states=True)
    states = clip.hidden_states(clip.token_embeddings(ids))
    for ours, other in zip(states, expected.hidden_states, strict=True):
        torch.testing.assert_close(ours, other)
    torch.testing.assert_close(clip.final_norm(states[-1]), expected.last_hidden_state)


def test_names_of_layers_go_both_ways(theirs: tuple[Path, Any, Any, Any]) -> None:
    _, unet, _, _ = theirs
    names = {name.rpartition(".")[0] for name in unet.state_dict()}
    prefixes = unet_prefixes_of_names(unet.state_dict())
    inverse = {ours: other for other, ours in prefixes.items()}
    for name in names:
        original = original_unet_name(name, prefixes)
        assert original is not None
        assert diffusers_unet_name(original, inverse) == name


def test_architecture_and_names_give_the_same_blocks() -> None:
    prefixes = unet_prefixes_of_spec(SD1)
    assert prefixes["down_blocks.1.attentions.0"] == "input_blocks.3.1"
    assert prefixes["down_blocks.0.downsamplers.0.conv"] == "input_blocks.2.0.op"
    assert prefixes["up_blocks.0.upsamplers.0.conv"] == "output_blocks.1.2.conv"
    assert prefixes["up_blocks.1.resnets.1"] == "output_blocks.3.0"


def test_an_unknown_name_has_no_counterpart() -> None:
    prefixes = unet_prefixes_of_spec(SD1)
    assert original_unet_name("something.else", prefixes) is None
    assert diffusers_unet_name("something.else", {}) is None


def test_openclip_keeps_three_matrices_in_one(tmp_path: Path) -> None:
    tensors = {
        "token_embedding.weight": torch.zeros(10, 8),
        "positional_embedding": torch.zeros(77, 8),
        "transformer.resblocks.0.ln_1.weight": torch.zeros(8),
        "transformer.resblocks.0.attn.in_proj_weight": torch.arange(24.0)[:, None].expand(24, 8),
        "transformer.resblocks.0.attn.in_proj_bias": torch.zeros(24),
        "transformer.resblocks.0.attn.out_proj.weight": torch.zeros(8, 8),
        "transformer.resblocks.0.mlp.c_fc.weight": torch.zeros(32, 8),
        "transformer.resblocks.0.mlp.c_proj.bias": torch.zeros(8),
        "ln_final.weight": torch.zeros(8),
        "text_projection": torch.zeros(8, 6),
        "logit_scale": torch.zeros(()),
    }
    weights = text_from_openclip(weights_of([open_model(save(tmp_path / "clip.safetensors", tensors))]))
    layer = "text_model.encoder.layers.0"
    assert shapes(weights) == {
        "text_model.embeddings.token_embedding.weight": (10, 8),
        "text_model.embeddings.position_embedding.weight": (77, 8),
        f"{layer}.layer_norm1.weight": (8,),
        **{f"{layer}.self_attn.{name}_proj.weight": (8, 8) for name in ("q", "k", "v", "out")},
        **{f"{layer}.self_attn.{name}_proj.bias": (8,) for name in "qkv"},
        f"{layer}.mlp.fc1.weight": (32, 8),
        f"{layer}.mlp.fc2.bias": (8,),
        "text_model.final_layer_norm.weight": (8,),
        "text_projection.weight": (6, 8),
    }
