from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from tests.packs.diffusion.checkpoints import CLIP, seeded, text_tensors

from inhouse.packs.diffusion.networks.clip import TextSpec, TextTransformer

SHAPES = {name: tuple(tensor.shape) for name, tensor in text_tensors().items()}


def read(shapes: dict[str, tuple[int, ...]]) -> TextSpec:
    return TextSpec.from_shapes(shapes, name="clip_l", activation="quick_gelu", default_layer=-1, pad_token=49407)


def test_an_architecture_is_read_off_the_shapes_of_its_parameters() -> None:
    assert read(SHAPES) == CLIP
    assert read({**SHAPES, "text_projection.weight": (48, 64)}).projection == 48


def test_a_missing_parameter_is_named() -> None:
    with pytest.raises(KeyError, match="token_embedding"):
        read({})


def test_a_token_sees_those_before_it_only() -> None:
    network = seeded(TextTransformer(CLIP))
    first = torch.randn(1, 6, 64)
    other = torch.cat([first[:, :4], torch.randn(1, 2, 64)], dim=1)
    with torch.inference_mode():
        states, changed = network(first), network(other)
    assert len(states) == CLIP.layers + 1
    for one, two in zip(states, changed, strict=True):
        torch.testing.assert_close(one[:, :4], two[:, :4])
        assert not torch.allclose(one[:, 4:], two[:, 4:])


def test_a_width_that_heads_cannot_share_is_refused() -> None:
    with pytest.raises(ValueError, match="64 channels cannot be shared among 3 heads"):
        TextTransformer(replace(CLIP, heads=3))
