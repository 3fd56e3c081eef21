"""``inhouse migrate``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.besieged_service import ASK, echoing
from tests.gateway import eventually
from tests.program import start

from inhouse.cli.migrate_command import rule_of, summary
from inhouse.errors import UsageError


def inhouse(*arguments: object, cwd: Path) -> str:
    process = start("migrate", *map(str, arguments), cwd=cwd, stdout=-1, stderr=-2)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said
    return said.decode()


def test_calls_move_from_an_endpoint_elsewhere_to_a_version_here(tmp_path: Path) -> None:
    (tmp_path / "cloud").mkdir()
    (tmp_path / "own").mkdir()
    with echoing(tmp_path / "cloud") as cloud, echoing(tmp_path / "own") as own:
        here = ("--url", f"http://127.0.0.1:{own.port}")
        there = ("--from", f"http://127.0.0.1:{cloud.port}/services/echo")
        quick = ("--rule", "calls=5", "--rule", "max_slowdown=1000")
        said = inhouse("echo", *there, "--to", 1, "--shadow", *quick, *here, cwd=tmp_path)
        assert "version 1 is shadow beside 3" in said
        assert own.ask("POST", ASK.path, ASK.body).json == {"outputs": {"answers": ["a"]}, "version": 3}

        def moved() -> bool:
            return bool(own.ask("POST", ASK.path, ASK.body).json["version"] == 1)

        eventually(moved)
        page = tmp_path / "page.html"
        told = json.loads(inhouse("echo", "--json", "--out", page, *here, cwd=tmp_path))
        assert (told["live"], told["candidate"]) == (1, None)
        assert [event["verdict"] for event in told["events"]] == ["promote"]
        assert page.read_text().startswith("<!doctype html>")


def test_rules_are_read() -> None:
    rule = rule_of(["calls=7", "min_agreement=0.5"])
    assert (rule.calls, rule.min_agreement, rule.max_slowdown) == (7, 0.5, 1.5)
    for wrong in ("calls", "calls=x", "steps=1"):
        with pytest.raises(UsageError):
            rule_of([wrong])


def test_a_line_says_how_it_stands() -> None:
    candidate = {"mode": "canary", "candidate": 2, "live": 1, "share": 0.05, "calls": 3, "failed": 0}
    told = {"service": "embed", "candidate": candidate | {"agreement": 0.5, "p95": 0.01, "live_p95": 0.02}}
    assert summary(told) == (
        "embed: version 2 is canary beside 1, 0.05 of the calls, 3 calls, 0 failed, agreement 0.5000, "
        "p95 10.0 ms against 20.0 ms."
    )
    assert summary({"service": "embed", "live": 2, "candidate": None}) == "embed: version 2 answers all calls."
