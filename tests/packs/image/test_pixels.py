import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from inhouse.packs.image.pixels import (
    as_batch,
    from_bytes,
    match_both,
    match_channels,
    repeat_to,
    resize_mask,
    to_bytes,
    window_maximum,
)


def test_a_picture_in_8_bits_survives_the_way_there_and_back() -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)

    assert (to_bytes(from_bytes(levels)) == levels).all()


def test_levels_are_cut_off_clipped_and_never_garbage() -> None:
    values = torch.tensor([0.999 / 255, 1.999 / 255, -1.0, 2.0, float("nan"), float("inf"), 1.0])

    assert to_bytes(values).tolist() == [0, 1, 0, 255, 0, 255, 255]


def test_a_batch_repeats_from_its_start_or_is_cut() -> None:
    batch = torch.tensor([[1.0], [2.0]])

    assert repeat_to(batch, 5).flatten().tolist() == [1, 2, 1, 2, 1]
    assert repeat_to(batch, 1).flatten().tolist() == [1]


def test_added_channels_are_opaque_and_surplus_ones_are_dropped() -> None:
    image = torch.zeros(1, 2, 2, 3)

    assert match_channels(image, 4)[..., 3].eq(1).all()
    assert match_channels(image, 1).shape == (1, 2, 2, 1)
    assert [picture.shape[-1] for picture in match_both(image, torch.zeros(1, 2, 2, 4))] == [4, 4]


def test_masks_of_other_packs_become_batches() -> None:
    assert as_batch(torch.zeros(3, 4)).shape == (1, 3, 4)
    assert as_batch(torch.zeros(2, 1, 3, 4)).shape == (2, 3, 4)
    assert resize_mask(torch.ones(3, 4), 8, 6).shape == (1, 6, 8)


@given(st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=12), st.integers(0, 15), st.integers(0, 15))
def test_a_window_has_its_maximum(values: list[float], before: int, after: int) -> None:
    planes = torch.tensor(values).view(1, -1, 1)

    found = window_maximum(planes, 1, before, after)

    assert found.flatten().tolist() == [max(values[max(0, i - before) : i + after + 1]) for i in range(len(values))]
