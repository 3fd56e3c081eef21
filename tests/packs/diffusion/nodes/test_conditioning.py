from __future__ import annotations

import pytest
import torch
from tests.packs.diffusion.fakes import text

from inhouse.errors import NodeInputError
from inhouse.packs.diffusion.nodes import conditioning as nodes

ONE, TWO = text(1.0), text(2.0)


def test_combined_conditionings_stand_side_by_side() -> None:
    assert [entry[0].mean().item() for entry in nodes.combine(conditioning_1=ONE, conditioning_2=TWO)] == [1, 2]


def test_concatenated_conditionings_have_the_tokens_of_both() -> None:
    joined = nodes.concat(conditioning_to=ONE, conditioning_from=TWO)
    assert joined[0][0].shape[1] == 2 * 77


@pytest.mark.parametrize(("share", "mean"), [(1.0, 1.0), (0.0, 2.0), (0.5, 1.5)])
def test_the_average_leans_to_the_first_by_its_strength(share: float, mean: float) -> None:
    mixed = nodes.average(conditioning_to=ONE, conditioning_from=TWO, conditioning_to_strength=share)
    assert mixed[0][0].mean().item() == pytest.approx(mean)


def test_areas_are_given_in_pixels_or_in_shares() -> None:
    pixels = nodes.set_area(conditioning=ONE, width=64, height=128, x=8, y=16, strength=0.5)
    assert pixels[0][1]["area"] == (16, 8, 2, 1)
    shares = nodes.set_area_percentage(conditioning=ONE, width=0.5, height=1.0, x=0.25, y=0.0, strength=2.0)
    assert shares[0][1]["strength"] == 2.0


def test_a_mask_may_cut_the_view_to_its_bounds() -> None:
    masked = nodes.set_mask(conditioning=ONE, mask=torch.ones(8, 8), strength=0.7, set_cond_area="mask bounds")
    assert masked[0][1]["mask"].shape == (1, 8, 8)
    assert masked[0][1]["set_area_to_bounds"] is True


def test_a_range_of_steps_is_kept() -> None:
    ranged = nodes.set_timestep_range(conditioning=ONE, start=0.1, end=0.6)
    assert (ranged[0][1]["start_percent"], ranged[0][1]["end_percent"]) == (0.1, 0.6)


def test_zeroed_conditioning_has_no_content_and_leaves_its_source() -> None:
    assert nodes.zero_out(conditioning=ONE)[0][0].abs().max() == 0
    assert ONE[0][0].abs().max() == 1


def test_a_checkpoint_without_a_text_encoder_is_told_where_it_is_missed() -> None:
    with pytest.raises(NodeInputError, match="no text encoder"):
        nodes.encode_text(text="a cat", clip=None)
