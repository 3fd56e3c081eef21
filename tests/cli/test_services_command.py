"""``inhouse services``, in the store of a gateway that does not run."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.program import Command
from tests.published import Bench

from inhouse.storage.publishing import publish_artifact
from inhouse.storage.service_store import ServiceStore
from inhouse.storage.services import Version


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a state folder with a service of three versions."""
    monkeypatch.setenv("INHOUSE_SERVICES__SIGNING_KEY", str(tmp_path / "key.pem"))
    bench, store = Bench.at(tmp_path), ServiceStore(tmp_path / "state" / "services")
    artifact = bench.artifact()
    for _ in range(3):
        publish_artifact(store, "embed", artifact, bench.trust, Version(0, "artifact", created=1.0))
    return tmp_path / "state"


def test_they_are_listed_and_shown(command: Command, state: Path) -> None:
    assert command("services", "list", "--state", state).stdout == "embed\t3\t-\t-\t1, 2, 3\n"
    rows = [line.split("\t") for line in command("services", "show", "embed", "--state", state).stdout.splitlines()]
    assert [row[:4] for row in rows] == [
        ["1", "-", "artifact", "1970-01-01 00:00"],
        ["2", "previous", "artifact", "1970-01-01 00:00"],
        ["3", "live", "artifact", "1970-01-01 00:00"],
    ]


def test_calls_are_routed(command: Command, state: Path) -> None:
    def say(*arguments: str) -> str:
        told = command("services", *arguments, "--state", state)
        assert told.code == 0, told.stderr
        return told.stdout.removeprefix("embed: ").strip()

    assert say("canary", "embed", "1", "--share", "25%") == "version 3 is live, 1 gets 0.25 of the calls."
    assert say("shadow", "embed", "2") == "version 3 is live, 1 gets 0.25 of the calls, 2 gets a copy of each."
    assert say("rollback", "embed") == "version 3 is live."
    assert say("rollback", "embed") == "version 2 is live."
    assert say("switch", "embed", "1") == "version 1 is live."
    assert say("canary", "embed", "3") == "version 1 is live, 3 gets 0.05 of the calls."
    assert say("canary", "embed", "0") == "version 1 is live."
    assert say("remove", "embed", "3") == "embed version 3 is removed."
    assert say("remove", "embed", "--all") == "embed is removed."


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("switch", "embed", "9"), "has no version 9"),
        (("show", "other"), "no service 'other'"),
        (("remove", "embed", "3"), "is its live version"),
        (("remove", "embed"), "or --all"),
        (("load", "embed", "1"), "no gateway runs"),
        (("canary", "embed", "3"), "no other live version"),
    ],
)
def test_what_cannot_be_done_is_said(command: Command, state: Path, arguments: tuple[str, ...], said: str) -> None:
    told = command("services", *arguments, "--state", state)
    assert (told.code, said in told.stderr) == (2, True), told.stderr
