"""``inhouse doctor``."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.program import Command

from inhouse.cli import doctor_command
from inhouse.cli.doctor.check import Check, State
from inhouse.cli.doctor_command import Wishes


def test_everything_is_looked_at_and_told_as_json(command: Command, models: Path) -> None:
    told = command("doctor", "--models", models, "--port", "0", "--json")
    checks = {check["subject"]: check for check in told.json["checks"]}
    assert {"python", "torch", "cpu", "memory", "precision", "attention", "attention sdpa", "engine openvino"} <= set(
        checks
    )
    assert {"extra server", "folder output", "disk", "port"} <= set(checks)
    assert checks["models checkpoints"]["found"].startswith("2: ")
    assert told.json["status"] in {"ok", "warn"}
    assert told.code == 0


@pytest.mark.parametrize(("state", "code"), [(State.OK, 0), (State.WARN, 0), (State.FAIL, 6)])
def test_the_exit_code_says_whether_all_is_there(
    command: Command, monkeypatch: pytest.MonkeyPatch, state: State, code: int
) -> None:
    found = Check("disk", "full", state, "Delete something.")
    monkeypatch.setattr(doctor_command, "examine", lambda _: iter([found]))
    told = command("doctor")
    assert told.code == code
    assert told.stdout == f"{state}\tdisk\tfull\tDelete something.\n"


def test_settings_are_read_and_options_go_before_them(
    command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "inhouse.toml").write_text('[server]\nport = 9000\n[compute]\nattention = "sliced"\n')
    seen: list[Wishes] = []

    def examine(wishes: Wishes) -> list[Check]:
        seen.append(wishes)
        return []

    monkeypatch.setattr(doctor_command, "examine", examine)
    command("doctor")
    command("doctor", "--port", "9001", "--out", "elsewhere")
    assert [(wishes.port, wishes.attention, wishes.output) for wishes in seen] == [
        (9000, "sliced", Path("output")),
        (9001, "sliced", Path("elsewhere")),
    ]


def test_settings_that_cannot_be_read_are_named(command: Command, tmp_path: Path) -> None:
    (tmp_path / "inhouse.toml").write_text("[compute]\nattention = 'fastest'\n")
    told = command("doctor")
    assert told.code == 2
    assert "compute" in told.stderr


def test_without_the_servers_packages_defaults_are_looked_at(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_command, "find_spec", lambda _: None)
    told = command("doctor", "--port", "0", "--json")
    assert "precision" not in {check["subject"] for check in told.json["checks"]}
