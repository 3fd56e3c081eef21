"""What is told of folders, models, disks and the port."""

import os
import shutil
import socket
from pathlib import Path
from types import SimpleNamespace

import pytest

from inhouse.cli.doctor import places
from inhouse.cli.doctor.check import State
from inhouse.workers.session import open_catalogue


def test_models_are_counted_by_kind(tmp_path: Path) -> None:
    (tmp_path / "loras").mkdir()
    for name in "abcd":
        (tmp_path / "loras" / f"{name}.safetensors").write_bytes(b"")
    found = {check.subject: check.found for check in places.models(open_catalogue(tmp_path), tmp_path)}
    assert found["models loras"] == "4: a.safetensors, b.safetensors, c.safetensors, ..."
    assert "folder models" not in found


def test_a_models_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    missing = tmp_path / "none"
    first = next(iter(places.models(open_catalogue(missing), missing)))
    assert (first.subject, first.state) == ("folder models", State.WARN)


def test_folders_can_be_written_or_made(tmp_path: Path) -> None:
    found = list(places.folders({"output": tmp_path, "state": tmp_path / "a" / "b"}))
    assert [check.found.rpartition(" can ")[2] for check in found] == ["be written", "be made"]


def test_a_folder_that_cannot_be_written_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert [check.state for check in places.folders({"output": tmp_path / "file"})] == [State.FAIL]
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert [check.state for check in places.folders({"output": tmp_path})] == [State.FAIL]


@pytest.mark.parametrize(("free", "state"), [(10**11, State.OK), (10**9, State.WARN), (10**8, State.FAIL)])
def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, state: State) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free, total=10**12))
    assert places.disk(tmp_path / "output").state is state


def test_a_port_is_free_or_taken() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        number = taken.getsockname()[1]
        assert places.port("127.0.0.1", number).state is State.WARN
    assert places.port("127.0.0.1", number).state is State.OK
    assert places.port("127.0.0.1", 0).state is State.OK
