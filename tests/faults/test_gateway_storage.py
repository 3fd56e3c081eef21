"""A disk that fills up while a gateway serves."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.gateway import Gateway, eventually, loop, sink

SIZE = 4 * 1024 * 1024


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Return a disk of 4 MB; only root can make one."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("no small disk can be made here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def _fill(disk: Path) -> Path:
    """Leave no byte free, and return what to delete."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue
    return ballast


def test_a_full_disk_is_told_of_and_nothing_that_was_accepted_is_lost(
    tmp_path: Path, small_disk: Path, probes: Path
) -> None:
    state = small_disk / "state"
    with Gateway(tmp_path / "gateway", "--custom-nodes", probes, "--state", state) as gateway:
        done = gateway.submit(sink(1))
        gateway.over(done)
        running, waiting = gateway.submit(loop(1)), gateway.submit(sink(2))
        ballast = _fill(small_disk)
        refused = eventually(lambda: (answer := gateway.ask("POST", "/prompt", _large())).status != 200 and answer)
        assert (refused.status, refused.json["error"]["type"]) == (503, "storage_full")
        assert str(tmp_path).encode() not in refused.body
        assert gateway.ask("GET", "/history").status == 200
        assert gateway.ask("GET", "/queue").status == 200
        ballast.unlink()
        assert [gateway.over(run_id) for run_id in (running, waiting)] == ["completed", "completed"]
        later = gateway.submit(sink(3))
        assert gateway.over(later) == "completed"
        gateway.kill()
        gateway.start()
        assert {done, running, waiting, later} <= gateway.ask("GET", "/history").json.keys()


def test_a_gateway_on_a_full_disk_ends_when_told_and_goes_on_when_there_is_room(
    tmp_path: Path, small_disk: Path, probes: Path
) -> None:
    state = small_disk / "state"
    with Gateway(tmp_path / "gateway", "--custom-nodes", probes, "--state", state) as gateway:
        run_id = gateway.submit(loop(1))
        gateway.listen()
        ballast = _fill(small_disk)
        assert gateway.terminate() == 0
        ballast.unlink()
        gateway.start()
        assert gateway.over(run_id) == "completed"


def _large() -> dict[str, object]:
    """Return a request that takes some room."""
    return {"prompt": sink(4), "extra_data": {"note": "x" * 100_000}}
