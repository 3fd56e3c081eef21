import signal
import socket
import subprocess
from pathlib import Path

import pytest
from tests.gateway import Gateway
from tests.program import PATIENCE, Command, start

from inhouse.cli.exits import Exit

HERE = ("--state", "state", "--input", "input", "--output", "output")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, Exit.OK), (signal.SIGINT, Exit.INTERRUPTED)])
def test_says_where_it_is_and_ends_when_told(tmp_path: Path, number: signal.Signals, code: int) -> None:
    process = start("up", "--port", "0", *HERE, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline().startswith(b"Inhouse is up: http://127.0.0.1:")
    process.send_signal(number)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == code
    assert b"Traceback" not in errors
    assert not list((tmp_path / "state").glob("**/*.sock"))


def test_a_port_that_is_taken_is_said_and_nothing_is_left(command: Command, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ran = command("up", "--port", taken.getsockname()[1], *HERE)
    assert ran.code == Exit.USAGE
    assert "Cannot listen on 127.0.0.1" in ran.stderr
    assert "--port" in ran.stderr
    assert not (tmp_path / "state").exists()


def test_a_state_that_another_gateway_has_is_refused(command: Command, tmp_path: Path) -> None:
    with Gateway(tmp_path, workers_ready=False) as gateway:
        ran = command("up", "--json", "--port", 0, *HERE)
        assert ran.code != Exit.OK
        assert ran.codes == ["storage_owned"]
        assert gateway.ask("GET", "/queue").status == 200


def test_to_be_reached_from_elsewhere_it_wants_tokens(command: Command) -> None:
    ran = command("up", "--host", "0.0.0.0", "--port", 0, *HERE)
    assert ran.code == Exit.USAGE
    assert "token" in ran.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [("INHOUSE_SERVER__PORT", "99999"), ("INHOUSE_WORKERS__COUNT", "x"), ("INHOUSE_STORAGE__URL", "x://y")],
)
def test_a_setting_that_cannot_be_is_named(
    command: Command, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    ran = command("up", *HERE)
    assert ran.code != Exit.OK
    assert ran.stderr


def test_an_option_goes_before_the_environment_and_that_before_the_file(tmp_path: Path) -> None:
    (tmp_path / "inhouse.toml").write_text(
        '[server]\nhost = "192.0.2.1"\n[folders]\nstate = "by-file"\ninput = "by-file"\n'
    )
    settings = {"INHOUSE_SERVER__HOST": "127.0.0.1", "INHOUSE_FOLDERS__STATE": "by-environment"}
    with Gateway(tmp_path, settings=settings, workers_ready=False) as gateway:
        assert gateway.ask("GET", "/system_stats").status == 200
        assert (tmp_path / "state").is_dir()
        assert not (tmp_path / "by-environment").exists()
