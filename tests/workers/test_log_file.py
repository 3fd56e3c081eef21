"""A worker's log: appended to by one process after another, and never without end."""

from __future__ import annotations

from pathlib import Path

from inhouse.workers.log_file import LogFile


def write(log: LogFile, text: str) -> None:
    with log.opened() as file:
        file.write(text.encode())


def test_the_tail_is_what_was_written_since(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "logs" / "a.log")
    assert log.tail() == ""
    write(log, "first life\n")
    start = log.size()
    write(log, "".join(f"line {number}\n" for number in range(200)))
    assert log.tail(start).splitlines() == [f"line {number}" for number in range(150, 200)]
    write(log, "x" * 10_000)
    assert len(log.tail()) == 8192


def test_a_large_one_is_put_aside_while_it_is_written_to(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "a.log", max_bytes=100)
    with log.opened() as file:
        file.write(b"old" * 50)
        file.flush()
        log.trim()
        file.write(b"new")
    assert log.path.read_bytes() == b"new"
    assert (tmp_path / "a.old.log").read_bytes() == b"old" * 50
    log.trim()
    assert log.path.read_bytes() == b"new"
