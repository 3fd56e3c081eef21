from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from inhouse.errors import StorageError, StorageOwnedError
from inhouse.storage.database import open_database
from inhouse.storage.ownership import FileLock

HOLDER = """
import sys
from pathlib import Path
from inhouse.storage.database import open_database
database = open_database(sys.argv[1], Path(sys.argv[2]))
print("owned", flush=True)
sys.stdin.read()
"""


def test_a_lock_is_taken_once(tmp_path: Path) -> None:
    first = FileLock(tmp_path / "x.lock")
    with pytest.raises(StorageOwnedError):
        FileLock(tmp_path / "x.lock")
    first.release()
    FileLock(tmp_path / "x.lock").release()


def test_a_lock_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "x.lock").mkdir()
    with pytest.raises(StorageError, match="Cannot make"):
        FileLock(tmp_path / "x.lock")


def test_the_death_of_a_process_frees_what_it_owned(url: str, tmp_path: Path) -> None:
    """PostgreSQL hears of it a moment later, when the socket closes; the test waits for its last word."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, url, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"owned\n"
        with pytest.raises(StorageOwnedError):
            open_database(url, tmp_path)
        holder.kill()
    for _ in range(1000):
        try:
            open_database(url, tmp_path).close()
        except StorageOwnedError:
            continue
        break
    else:
        pytest.fail("it is still owned")
