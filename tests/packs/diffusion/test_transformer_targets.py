from __future__ import annotations

from inhouse.packs.diffusion.rows import SWAPPED, equal
from inhouse.packs.diffusion.transformer_names import flux_layers, sd3_layers
from inhouse.packs.diffusion.transformer_targets import transformer_targets


def test_a_matrix_of_the_original_stands_for_the_layers_that_it_is_split_into() -> None:
    layers = {f"transformer_blocks.0.attn.to_{letter}": (8, 8) for letter in "qkv"}
    targets = transformer_targets(layers, sd3_layers(1))
    for name in ("lora_unet_joint_blocks_0_x_block_attn_qkv", "diffusion_model.joint_blocks.0.x_block.attn.qkv"):
        assert [(target.path[-4:], target.shape, target.rows) for target in targets[name]] == [
            (f"to_{letter}", (24, 8), rows) for letter, rows in zip("qkv", equal(3), strict=True)
        ]


def test_the_feed_forward_part_of_a_matrix_is_four_sevenths() -> None:
    layers = {f"single_transformer_blocks.0.attn.to_{letter}": (8, 8) for letter in "qkv"}
    layers["single_transformer_blocks.0.proj_mlp"] = (32, 8)
    targets = transformer_targets(layers, flux_layers(0, 1))["lora_unet_single_blocks_0_linear1"]
    assert {target.shape for target in targets} == {(56, 8)}
    assert targets[3].rows.shape((56, 8)) == (32, 8)


def test_halves_that_are_swapped_in_the_original_are_swapped_in_its_changes() -> None:
    (target,) = transformer_targets({"norm_out.linear": (16, 8)}, sd3_layers(1))[
        "diffusion_model.final_layer.adaLN_modulation.1"
    ]
    assert (target.shape, target.rows) == ((16, 8), SWAPPED)


def test_diffusers_names_stand_for_one_whole_layer() -> None:
    path = "transformer_blocks.0.attn.to_q"
    targets = transformer_targets({path: (8, 8)}, sd3_layers(1))
    for name in (f"transformer.{path}", path, "lora_transformer_transformer_blocks_0_attn_to_q"):
        (target,) = targets[name]
        assert (target.path, target.rows.whole) == (path, True)
    assert "lora_unet_joint_blocks_0_x_block_attn_qkv" not in targets
