from __future__ import annotations

import pytest
import torch

from inhouse.errors import ModelFormatError, ModelUnsupportedError
from inhouse.packs.diffusion.lora_file import Lora, Place, place_and_role

KOHYA = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_out_0"
DOTTED = "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1"


@pytest.mark.parametrize(
    ("key", "layer", "parameter", "role"),
    [
        (f"{KOHYA}.lora_down.weight", KOHYA, "weight", "down"),
        (f"{KOHYA}.lora_up.weight", KOHYA, "weight", "up"),
        (f"{KOHYA}.lora_mid.weight", KOHYA, "weight", "mid"),
        (f"{KOHYA}.alpha", KOHYA, "weight", "alpha"),
        (f"{KOHYA}.dora_scale", KOHYA, "weight", "dora_scale"),
        (f"{KOHYA}.hada_w1_a", KOHYA, "weight", "hada_w1_a"),
        (f"{KOHYA}.lokr_t2", KOHYA, "weight", "lokr_t2"),
        (f"{KOHYA}.diff", KOHYA, "weight", "diff"),
        (f"{KOHYA}.diff_b", KOHYA, "bias", "diff"),
        (f"{KOHYA}.w_norm", KOHYA, "weight", "diff"),
        (f"{KOHYA}.b_norm", KOHYA, "bias", "diff"),
        ("double_blocks.7.img_attn.qkv.lora_B.bias", "double_blocks.7.img_attn.qkv", "bias", "diff"),
        (
            "double_blocks.7.processor.qkv_lora2.up.weight",
            "diffusion_model.double_blocks.7.txt_attn.qkv",
            "weight",
            "up",
        ),
        (
            "double_blocks.7.processor.proj_lora1.down.weight",
            "diffusion_model.double_blocks.7.img_attn.proj",
            "weight",
            "down",
        ),
        (f"{DOTTED}.to_q.lora_A.weight", f"{DOTTED}.to_q", "weight", "down"),
        (f"{DOTTED}.to_q.lora_B.default.weight", f"{DOTTED}.to_q", "weight", "up"),
        (f"{DOTTED}.to_q.lora_A", f"{DOTTED}.to_q", "weight", "down"),
        (f"{DOTTED}.to_q.lora.up.weight", f"{DOTTED}.to_q", "weight", "up"),
        (f"{DOTTED}.processor.to_q_lora.down.weight", f"{DOTTED}.to_q", "weight", "down"),
        (f"{DOTTED}.processor.to_out_lora.up.weight", f"{DOTTED}.to_out.0", "weight", "up"),
        (f"{DOTTED}.processor.to_out.lora_B.weight", f"{DOTTED}.to_out.0", "weight", "up"),
        (f"{DOTTED}.to_out.0.lora_magnitude_vector", f"{DOTTED}.to_out.0", "weight", "dora_scale"),
        (
            "text_encoder.text_model.encoder.layers.0.self_attn.to_q_lora.down.weight",
            "text_encoder.text_model.encoder.layers.0.self_attn.q_proj",
            "weight",
            "down",
        ),
        (
            "text_encoder.text_model.encoder.layers.0.mlp.fc1.lora_linear_layer.up.weight",
            "text_encoder.text_model.encoder.layers.0.mlp.fc1",
            "weight",
            "up",
        ),
    ],
)
def test_every_style_of_key_is_understood(key: str, layer: str, parameter: str, role: str) -> None:
    assert place_and_role(key) == (Place(layer, parameter), role)


@pytest.mark.parametrize("key", ["model.diffusion_model.out.2.weight", "", "alpha", ".alpha", "x.lora_down.bias"])
def test_other_keys_are_not(key: str) -> None:
    assert place_and_role(key) is None


def test_tensors_are_gathered_by_parameter_and_the_rest_is_kept_in_mind() -> None:
    one = torch.ones(1)
    pair = {"a.lora_up.weight": torch.ones(3, 1), "a.lora_down.weight": torch.ones(1, 2)}
    lora = Lora.from_tensors("x", {**pair, "a.alpha": one, "a.diff_b": one, "strange": one, "b.lora_up.weight": one})
    assert {place: set(change.roles) for place, change in lora.changes.items()} == {
        ("a", "weight"): {"up", "down", "alpha"},
        ("a", "bias"): {"diff"},
    }
    assert lora.unknown == ("strange", "b")
    assert lora.nbytes == 4 * 7


def test_a_file_without_any_is_no_lora() -> None:
    with pytest.raises(ModelUnsupportedError, match=r"model\.safetensors is no LoRA"):
        Lora.from_tensors("model.safetensors", {"out.2.weight": torch.ones(1)})


def test_a_value_that_is_no_number_is_named() -> None:
    tensors = {"a.lora_up.weight": torch.tensor([[1.0], [float("nan")]]), "a.lora_down.weight": torch.ones(1, 2)}
    with pytest.raises(ModelFormatError, match=r"style\.safetensors: 'a\.lora_up\.weight' holds values"):
        Lora.from_tensors("style.safetensors", tensors)


def test_a_file_with_no_whole_change_is_refused() -> None:
    tensors = {"lora_unet_input_blocks_1_1_proj_in.lora_up.weight": torch.ones(8, 4)}
    with pytest.raises(ModelFormatError, match="none of its 1 changes is whole"):
        Lora.from_tensors("half.safetensors", tensors)
