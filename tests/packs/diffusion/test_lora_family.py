from __future__ import annotations

import pytest
import torch

from inhouse.packs.diffusion.lora_family import conditioning_widths, family_title, made_for
from inhouse.packs.diffusion.lora_file import Lora


@pytest.mark.parametrize(
    ("names", "width", "title"),
    [
        (["lora_unet_double_blocks_0_img_attn_qkv"], None, "Flux"),
        (["transformer.transformer_blocks.0.attn.to_q", "transformer.single_transformer_blocks.0.norm"], None, "Flux"),
        (["transformer.transformer_blocks.0.attn.to_q"], 4096, "Stable Diffusion 3"),
        (["input_blocks.1.1.proj_in"], 768, "Stable Diffusion 1"),
        (["input_blocks.1.1.proj_in"], 2048, "Stable Diffusion XL"),
        (["lora_te2_text_model_encoder_layers_0_mlp_fc1"], None, "Stable Diffusion XL"),
        (["input_blocks.1.1.proj_in"], 64, None),
        ([], None, None),
    ],
)
def test_a_family_is_told_by_names_and_width(names: list[str], width: int | None, title: str | None) -> None:
    assert family_title(names, width) == title


def test_the_conditioning_s_width_is_read_off_any_kind_of_change() -> None:
    layer = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_k"
    tensors = {f"{layer}.lokr_w1": torch.ones(8, 16), f"{layer}.lokr_w2": torch.ones(40, 64)}
    lora = Lora.from_tensors("x", tensors)
    assert conditioning_widths(lora) == {1024}
    assert made_for(lora) == "Stable Diffusion 2"
