from __future__ import annotations

import pytest

from inhouse.server.services.pace import Pace


def test_nothing_is_known_before_anything_was_measured() -> None:
    assert Pace().seconds(100, 32) == 0


def test_large_batches_are_told_by_large_ones() -> None:
    pace = Pace()
    pace.measured(1, 0.002)
    pace.measured(32, 0.016)
    assert pace.seconds(1, 32) == pytest.approx(0.002)
    assert pace.seconds(64, 32) == pytest.approx(0.032)


def test_sizes_that_were_not_measured_are_told_by_their_neighbours() -> None:
    pace = Pace()
    pace.measured(8, 0.008)
    assert pace.seconds(32, 32) == pytest.approx(0.032)
    assert pace.seconds(1, 32) == pytest.approx(0.001)


def test_it_follows_what_changes() -> None:
    pace = Pace()
    pace.measured(1, 1.0)
    for _ in range(50):
        pace.measured(1, 0.1)
    assert pace.seconds(1, 1) == pytest.approx(0.1, rel=0.01)
