from __future__ import annotations

import pytest

from inhouse.models.detection import Family, detect, sort_of, unsupported

FAMILIES = (
    Family("narrow", "Narrow", lambda shapes: shapes.get("w") == (1,), "narrow builder"),
    Family("wide", "Wide", lambda shapes: "w" in shapes, "wide builder"),
)


def test_the_first_family_that_matches_is_it() -> None:
    narrow, wide = detect({"w": (1,)}, FAMILIES), detect({"w": (2,)}, FAMILIES)
    assert narrow is not None
    assert wide is not None
    assert (narrow.build, wide.build) == ("narrow builder", "wide builder")


def test_nothing_matches_nothing() -> None:
    assert detect({}, FAMILIES) is None


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("lora_unet_x.lora_down.weight", "a LoRA"),
        ("unet.x.lora_A.weight", "a LoRA"),
        ("x.hada_w1_a", "a LoHa or LoKr"),
        ("control_model.input_hint_block.0.weight", "a ControlNet"),
        ("emb_params", "a textual inversion"),
        ("conditioner.embedders.1.model.ln_final.weight", "an SDXL checkpoint"),
        ("model.diffusion_model.joint_blocks.0.context_block.x", "a Stable Diffusion 3 model"),
        ("double_blocks.0.img_attn.qkv.weight", "a Flux model"),
        ("text_model.encoder.layers.0.mlp.fc1.weight", "a text encoder"),
        ("first_stage_model.decoder.conv_in.weight", "a VAE"),
        ("vision_model.embeddings.class_embedding", "a CLIP vision model"),
    ],
)
def test_a_file_of_another_sort_is_called_by_its_name(name: str, title: str) -> None:
    sort = sort_of({name: (1,), "other": (2,)})
    assert sort is not None
    assert sort.title == title


def test_the_error_says_what_it_looks_like_and_what_loads_it() -> None:
    error = unsupported("style.safetensors", "a checkpoint", {"a.lora_down.weight": (1,)})
    assert str(error) == "style.safetensors looks like a LoRA, not a checkpoint. Load it with LoraLoader."


def test_an_unknown_file_is_described_by_its_tensors() -> None:
    message = str(unsupported("x.safetensors", "a checkpoint", {"alpha": (1,), "beta": (1,)}))
    assert "2 tensors ('alpha', 'beta'" in message
