from __future__ import annotations

from typing import Any

import pytest

from inhouse.packs.diffusion.control_names import adapter_from_original, control_net_from_diffusers, without_prefix


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("controlnet_cond_embedding.conv_in.weight", "input_hint_block.0.weight"),
        ("controlnet_cond_embedding.blocks.3.bias", "input_hint_block.8.bias"),
        ("controlnet_cond_embedding.conv_out.weight", "input_hint_block.14.weight"),
        ("controlnet_down_blocks.11.weight", "zero_convs.11.0.weight"),
        ("controlnet_mid_block.bias", "middle_block_out.0.bias"),
        ("conv_in.weight", "input_blocks.0.0.weight"),
        ("time_embedding.linear_2.bias", "time_embed.2.bias"),
        ("mid_block.resnets.1.conv1.weight", "middle_block.2.in_layers.2.weight"),
    ],
)
def test_names_of_diffusers_become_those_of_the_paper(theirs: str, ours: str) -> None:
    weights: Any = {theirs: "origin"}
    found: Any = control_net_from_diffusers(weights)
    assert found == {ours: "origin"}


def test_a_prefix_is_taken_off_where_there_is_one() -> None:
    weights: Any = {"control_model.a": 1, "b": 2}
    found: Any = without_prefix(weights)
    assert found == {"a": 1, "b": 2}


def test_blocks_of_an_adapter_are_counted_by_level() -> None:
    weights: Any = {"conv_in.bias": 0, "body.3.block1.weight": 1, "body.4.in_conv.weight": 2}
    found: Any = adapter_from_original(weights)
    assert found == {
        "adapter.conv_in.bias": 0,
        "adapter.body.1.resnets.1.block1.weight": 1,
        "adapter.body.2.in_conv.weight": 2,
    }
