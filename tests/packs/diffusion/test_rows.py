"""Rows of a tensor: parts, their order, their shapes."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from inhouse.packs.diffusion.rows import SWAPPED, WHOLE, Rows, equal


@given(count=st.integers(1, 7), size=st.integers(1, 4))
def test_equal_parts_are_together_the_whole(count: int, size: int) -> None:
    tensor = torch.arange(count * size * 2).reshape(count * size, 2)
    parts = [rows.of(tensor) for rows in equal(count)]
    assert torch.equal(torch.cat(parts), tensor)
    assert {rows.shape((count * size, 2)) for rows in equal(count)} == {(size, 2)}


def test_neighbours_are_a_view_and_others_a_copy() -> None:
    tensor = torch.arange(14.0)
    several = Rows((3, 4, 5, 6), 7)
    assert several.of(tensor).tolist() == list(range(6, 14))
    assert several.of(tensor).untyped_storage().data_ptr() == tensor.untyped_storage().data_ptr()
    assert SWAPPED.of(tensor).tolist() == [*range(7, 14), *range(7)]
    assert several.shape((14,)) == (8,)


@pytest.mark.parametrize(("rows", "whole"), [(WHOLE, True), (Rows((0, 1), 2), True), (SWAPPED, False)])
def test_the_whole_is_known_for_what_it_is(rows: Rows, whole: bool) -> None:  # noqa: FBT001
    tensor = torch.arange(4.0)
    assert rows.whole is whole
    assert (rows.of(tensor) is tensor) is whole
