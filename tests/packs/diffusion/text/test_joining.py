from __future__ import annotations

import pytest
import torch

from inhouse.errors import NodeInputError
from inhouse.packs.diffusion.text.base import Encoded
from inhouse.packs.diffusion.text.joining import FLUX, G_WIDTH, JOINT_WIDTH, L_WIDTH, SD3, SDXL

L = Encoded(torch.full((1, 77, L_WIDTH), 1.0), torch.full((1, L_WIDTH), 10.0))
G = Encoded(torch.full((1, 77, G_WIDTH), 2.0), torch.full((1, G_WIDTH), 20.0))
T5 = Encoded(torch.full((1, 256, JOINT_WIDTH), 3.0), None)


def test_sdxl_lays_tokens_side_by_side_and_keeps_the_larger_encoders_pooled_output() -> None:
    vectors, pooled = SDXL.join({"g": G, "l": L})
    assert vectors.shape == (1, 77, L_WIDTH + G_WIDTH)
    assert vectors[0, 0, [0, L_WIDTH]].tolist() == [1, 2]
    assert pooled is G.pooled


def test_sd3_puts_t5s_tokens_behind_clips() -> None:
    vectors, pooled = SD3.join({"l": L, "g": G, "t5xxl": T5})
    assert vectors.shape == (1, 77 + 256, JOINT_WIDTH)
    assert vectors[0, 0, [0, L_WIDTH, L_WIDTH + G_WIDTH]].tolist() == [1, 2, 0]
    assert vectors[0, 77, 0] == 3
    assert pooled is not None
    assert pooled[0, [0, L_WIDTH]].tolist() == [10, 20]


@pytest.mark.parametrize(
    ("encoded", "tokens", "sums"),
    [
        ({"l": L, "g": G}, 77, (10.0, 20.0)),
        ({"g": G}, 77, (0.0, 20.0)),
        ({"l": L, "t5xxl": T5}, 333, (10.0, 0.0)),
        ({"t5xxl": T5}, 256, (0.0, 0.0)),
        ({}, 77, (0.0, 0.0)),
    ],
)
def test_sd3_works_with_whatever_encoders_there_are(
    encoded: dict[str, Encoded], tokens: int, sums: tuple[float, float]
) -> None:
    vectors, pooled = SD3.join(encoded)
    assert vectors.shape == (1, tokens, JOINT_WIDTH)
    assert pooled is not None
    assert (float(pooled[0, 0]), float(pooled[0, L_WIDTH])) == sums


def test_flux_takes_t5s_tokens_and_clips_pooled_output() -> None:
    vectors, pooled = FLUX.join({"l": L, "t5xxl": T5})
    assert vectors is T5.vectors
    assert pooled is L.pooled


@pytest.mark.parametrize("joiner", [SDXL, FLUX])
def test_an_encoder_that_a_family_cannot_do_without_is_asked_for(joiner: object) -> None:
    with pytest.raises(NodeInputError, match=r"is missing.*DualCLIPLoader"):
        joiner.join({"l": L})  # type: ignore[attr-defined]
