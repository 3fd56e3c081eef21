from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch
from safetensors import safe_open
from training.icons import export
from training.icons.checkpoint import Model, Settings, text_config, unet_config, vae_config
from training.icons.latents import SCALE
from training.icons.text import TextConfig, TextModel
from training.icons.tokens import SIZE, Vocabulary
from training.icons.unet import UNet, UNetConfig
from training.icons.vae import DecoderHalf, EncoderHalf, VaeConfig

if TYPE_CHECKING:
    from pathlib import Path

UNET = UNetConfig(channels=32, multipliers=(1, 2), attention=(1,), context=64)
VAE = VaeConfig(channels=32, multipliers=(1, 1, 1, 1))


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return Vocabulary(["a red star", "a blue rocket"])


@pytest.fixture(scope="module")
def weights(vocabulary: Vocabulary) -> export.Weights:
    torch.manual_seed(0)
    text = TextConfig(vocabulary.size, 64, 1)
    modules = (UNet(UNET), TextModel(text), DecoderHalf(VAE), EncoderHalf(VAE))
    return export.Weights(*(module.state_dict() for module in modules))


@pytest.fixture(scope="module")
def file(weights: export.Weights, vocabulary: Vocabulary, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("export") / "icons.safetensors"
    export.write(export.checkpoint(weights, vocabulary), path)
    return path


def test_every_key_stands_where_the_family_has_it(weights: export.Weights, vocabulary: Vocabulary) -> None:
    tensors = export.checkpoint(weights, vocabulary)
    expected = {
        "model.diffusion_model.time_embed.0.weight": (128, 32),
        "model.diffusion_model.input_blocks.0.0.weight": (32, 4, 3, 3),
        "model.diffusion_model.input_blocks.1.0.in_layers.0.weight": (32,),
        "model.diffusion_model.input_blocks.1.0.out_layers.3.weight": (32, 32, 3, 3),
        "model.diffusion_model.input_blocks.2.0.op.weight": (32, 32, 3, 3),
        "model.diffusion_model.input_blocks.3.0.skip_connection.weight": (64, 32, 1, 1),
        "model.diffusion_model.input_blocks.3.1.proj_in.weight": (64, 64, 1, 1),
        "model.diffusion_model.input_blocks.3.1.transformer_blocks.0.attn2.to_k.weight": (64, 64),
        "model.diffusion_model.input_blocks.3.1.transformer_blocks.0.ff.net.0.proj.weight": (512, 64),
        "model.diffusion_model.middle_block.2.emb_layers.1.weight": (64, 128),
        "model.diffusion_model.output_blocks.1.2.conv.weight": (64, 64, 3, 3),
        "model.diffusion_model.out.2.weight": (4, 32, 3, 3),
        "first_stage_model.encoder.down.0.downsample.conv.weight": (32, 32, 3, 3),
        "first_stage_model.encoder.mid.attn_1.proj_out.weight": (32, 32, 1, 1),
        "first_stage_model.encoder.conv_out.weight": (8, 32, 3, 3),
        "first_stage_model.quant_conv.weight": (8, 8, 1, 1),
        "first_stage_model.decoder.up.3.upsample.conv.weight": (32, 32, 3, 3),
        "first_stage_model.decoder.up.0.block.1.conv2.weight": (32, 32, 3, 3),
        "first_stage_model.decoder.norm_out.weight": (32,),
        "first_stage_model.post_quant_conv.weight": (4, 4, 1, 1),
        "cond_stage_model.transformer.text_model.embeddings.token_embedding.weight": (SIZE, 64),
        "cond_stage_model.transformer.text_model.embeddings.position_embedding.weight": (77, 64),
        "cond_stage_model.transformer.text_model.encoder.layers.0.self_attn.q_proj.weight": (64, 64),
        "cond_stage_model.transformer.text_model.encoder.layers.0.mlp.fc1.weight": (256, 64),
        "cond_stage_model.transformer.text_model.final_layer_norm.weight": (64,),
        "v_pred": (1,),
    }
    assert {key: tuple(tensors[key].shape) for key in expected} == expected
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float16}
    prefixes = (export.UNET, export.VAE, export.TEXT, "v_pred")
    assert all(key.startswith(prefixes) for key in tensors)


def test_the_file_says_what_it_predicts(file: Path) -> None:
    with safe_open(file, "pt") as opened:
        metadata = opened.metadata()
        keys = set(opened.keys())
    assert metadata["modelspec.prediction_type"] == "v"
    assert "MIT" in metadata["modelspec.license"]
    assert {"v_pred", "model.diffusion_model.v_pred"} <= keys


def test_widths_are_read_off_the_weights(weights: export.Weights) -> None:
    assert unet_config(weights.unet) == UNET
    assert vae_config(weights.encoder | weights.decoder) == VAE
    assert text_config(weights.text).width == 64
    assert text_config(weights.text).layers == 1


def test_real_widths_are_read_off_the_weights_too() -> None:
    with torch.device("meta"):
        unet = UNet(UNetConfig()).state_dict()
        vae = EncoderHalf(VaeConfig()).state_dict()
    assert unet_config(unet) == UNetConfig()
    assert vae_config(vae) == VaeConfig()


def test_the_family_s_scale_is_folded_in(weights: export.Weights) -> None:
    vae = export.fold_scale(weights)
    torch.manual_seed(1)
    picture, latents = torch.rand(1, 3, 128, 128) * 2 - 1, torch.randn(1, 4, 16, 16)
    with torch.no_grad():
        encoder, decoder = EncoderHalf(VAE), DecoderHalf(VAE)
        encoder.load_state_dict(weights.encoder)
        decoder.load_state_dict(weights.decoder)
        mean, log_variance = encoder(picture)
        drawn = decoder(latents)
        encoder.load_state_dict({key: vae[key] for key in weights.encoder})
        decoder.load_state_dict({key: vae[key] for key in weights.decoder})
        scaled_mean, scaled_log_variance = encoder(picture)
        scaled_drawn = decoder(latents / SCALE)
    assert torch.allclose(scaled_mean * SCALE, mean, atol=1e-5)
    assert torch.allclose((scaled_log_variance / 2).exp() * SCALE, (log_variance / 2).exp(), rtol=1e-4)
    assert torch.allclose(scaled_drawn, drawn, atol=1e-4)


def test_unused_tokens_share_the_row_of_any_other(vocabulary: Vocabulary) -> None:
    table = torch.arange(vocabulary.size)[:, None].expand(-1, 2).float()
    full = vocabulary.spread(table)
    assert full.shape == (SIZE, 2)
    assert full[49406, 0] == 0
    assert full[49407, 0] == 1
    assert (full[:, 0] == 2).sum() == SIZE - vocabulary.size + 1
    assert full[vocabulary.used, 0].tolist() == list(range(3, vocabulary.size))


def test_the_file_draws(file: Path) -> None:
    model = Model.load(file)
    settings = replace(Settings(), steps=2)
    pictures = model.draw(["a red star", "a blue rocket"], [1, 2], settings)
    assert pictures.shape == (2, 3, 128, 128)
    assert float(pictures.min()) >= 0
    assert float(pictures.max()) <= 1
    again = model.draw(["a red star"], [1], settings)
    assert torch.allclose(again[0], pictures[0], atol=0.02)
    assert model.round_trip(pictures[:1]).shape == (1, 3, 128, 128)


def test_a_file_that_lacks_a_key_is_refused(file: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(file)
    del tensors["first_stage_model.decoder.conv_in.bias"]
    save_file(tensors, tmp_path / "broken.safetensors")
    with pytest.raises(RuntimeError, match=r"conv_in\.bias"):
        Model.load(tmp_path / "broken.safetensors")
