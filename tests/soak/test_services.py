"""Services under load: routing changes and deaths cost no call."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.besieged_service import echoing, kill_replica, loaded, reroute

KILLS = 3
"""In a row: one that dies again and again is waited for longer each time, which is another matter."""
TURNS = 20
AT_ONCE = 32
RECOVERY_SECONDS = 2.0


@pytest.mark.soak
def test_canaries_to_all_calls_and_rollbacks_fail_no_call(tmp_path: Path) -> None:
    with echoing(tmp_path) as gateway:
        with loaded(gateway, AT_ONCE) as found:
            reroute(gateway, TURNS)
        assert found[0].failed == []
        assert len(found[0].waits) > AT_ONCE * TURNS


@pytest.mark.soak
@pytest.mark.parametrize("_again", range(4))
def test_deaths_of_replicas_fail_no_call_and_are_soon_over(tmp_path: Path, _again: int) -> None:
    with echoing(tmp_path) as gateway:
        with loaded(gateway, AT_ONCE) as found:
            seconds = [kill_replica(gateway) for _ in range(KILLS)]
        assert found[0].failed == []
        assert max(seconds) < RECOVERY_SECONDS, seconds
