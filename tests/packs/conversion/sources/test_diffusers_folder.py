"""A UNet and an autoencoder are opened a folder each; a whole pipeline is told its parts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from diffusers import AutoencoderKL, UNet2DConditionModel

from inhouse.errors import ModelUnsupportedError
from inhouse.packs.conversion.exporting import export
from inhouse.packs.conversion.sources import open_source


def test_a_unet_takes_latents_steps_and_texts(tmp_path: Path) -> None:
    unet = UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(8, 16),
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=8,
        attention_head_dim=4,
        layers_per_block=1,
        norm_num_groups=4,
    )
    unet.save_pretrained(tmp_path / "unet")
    source = open_source(str(tmp_path / "unet"))
    assert source.task == "diffusion"
    assert source.metric == "psnr"
    assert [spec.name for spec in source.inputs] == ["sample", "timestep", "encoder_hidden_states"]
    assert source.outputs[0].shape == ("batch", 4, 8, 8)
    assert export(source, "onnx", tmp_path / "out").model.exists()


def test_an_autoencoder_decodes(tmp_path: Path) -> None:
    vae = AutoencoderKL(
        block_out_channels=(8, 16),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        sample_size=16,
        norm_num_groups=4,
    )
    vae.save_pretrained(tmp_path / "vae")
    source = open_source(str(tmp_path / "vae"))
    assert source.outputs[0].shape == ("batch", 3, 16, 16)
    assert np.isfinite(source.answer(source.samples[0])["pictures"]).all()


def test_a_whole_pipeline_is_told_its_parts(tmp_path: Path) -> None:
    (tmp_path / "model_index.json").write_text("{}")
    (tmp_path / "unet").mkdir()
    (tmp_path / "unet" / "config.json").write_text("{}")
    with pytest.raises(ModelUnsupportedError, match="Give one of its folders: unet"):
        open_source(str(tmp_path))
