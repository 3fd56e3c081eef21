from __future__ import annotations

from tests.packs.benchmark.conftest import Clock

from inhouse.packs.benchmark.steadiness import drift, is_steady, warm_up


def test_warming_up_ends_once_calls_no_longer_become_faster(clock: Clock) -> None:
    falling = iter([1.0 / (n + 1) for n in range(20)] + [0.05] * 100)
    found = warm_up(lambda: next(falling), clock, seconds=10)
    assert found.steady
    assert 20 < found.calls < 40
    assert found.seconds == 0.05


def test_warming_up_that_takes_too_long_is_told(clock: Clock) -> None:
    def call() -> float:
        clock.now += 1
        return 1 / clock.now

    found = warm_up(call, clock, seconds=4)
    assert (found.calls, found.steady) == (4, False)


def test_two_windows_are_needed_to_tell() -> None:
    assert not is_steady([1.0] * 9)
    assert is_steady([1.0] * 10)


def test_drift_is_between_the_first_and_the_last_third() -> None:
    assert drift([[1.0], [1.0], [9.0], [9.0], [1.5], [1.5]]) == 0.5
    assert drift([[1.0], [2.0]]) == 0.0
