from __future__ import annotations

import pytest

from inhouse.packs.diffusion.networks.numbering import consecutive


@pytest.mark.parametrize(("numbers", "count"), [([], 0), ([0], 1), ([1], 0), ([2, 0, 1, 1], 3), ([0, 10**18], 1)])
def test_numbers_count_until_the_first_that_is_missing(numbers: list[int], count: int) -> None:
    assert consecutive(numbers) == count
