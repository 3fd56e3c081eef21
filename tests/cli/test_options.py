"""Options that several commands share."""

from pathlib import Path

import pytest
from tests.program import Command

from inhouse.cli.main import build_app

COMMANDS = (
    "run",
    "validate",
    "convert-workflow",
    "templates",
    "nodes",
    "models",
    "up",
    "doctor",
    "convert",
    "bench",
    "publish",
    "migrate",
)


def test_there_are_these_commands() -> None:
    assert tuple(str(command.name) for command in build_app().registered_commands) == COMMANDS


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_helps_with_an_example_and_can_answer_in_json(name: str, command: Command) -> None:
    shown = command(name, "--help")
    assert shown.code == 0
    assert f"Example: inhouse {name}" in " ".join(shown.stdout.split())
    assert "--json" in shown.stdout


def test_folders_come_from_the_environment(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere" / "loras").mkdir(parents=True)
    (tmp_path / "elsewhere" / "loras" / "a.safetensors").write_bytes(b"")
    monkeypatch.setenv("INHOUSE_MODELS", str(tmp_path / "elsewhere"))
    assert list(command("models", "--json").json["loras"]) == ["a.safetensors"]
    assert command("models", "--models", "here", "--json").json.get("loras", {}) == {}
