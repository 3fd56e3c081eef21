"""A gateway as its users start it: neither a change of routing nor a death costs a call."""

from __future__ import annotations

from pathlib import Path

from tests.besieged_service import echoing, kill_replica, loaded, reroute


def test_no_call_fails_while_versions_change_and_a_replica_dies(tmp_path: Path) -> None:
    with echoing(tmp_path) as gateway:
        with loaded(gateway, 8) as found:
            reroute(gateway, 1)
            kill_replica(gateway)
        assert found[0].failed == []
        series = gateway.ask("GET", "/metrics").body.decode()
        assert 'inhouse_service_calls_total{service="echo",status="failed",version="1"} 0.0' in series
        assert 'inhouse_service_seconds_count{service="echo",version="2"}' in series
        assert gateway.ask("GET", "/services/echo/migration").json["live"] == 1
