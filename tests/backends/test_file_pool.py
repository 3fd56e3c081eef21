from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from inhouse.backends.file_pool import FilePool


@dataclass(frozen=True)
class Parsed:
    text: str

    @property
    def nbytes(self) -> int:
        return len(self.text)


def read(path: Path) -> Parsed:
    return Parsed(path.read_text())


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_a_file_is_read_once(tmp_path: Path) -> None:
    pool, path = FilePool(), write(tmp_path / "a", "one")
    assert pool.get(path, read) is pool.get(path, read)
    assert pool.stats() == {"entries": 1, "bytes": 3, "max_bytes": 1024**3, "hits": 1, "misses": 1}


def test_a_changed_file_is_read_again_and_takes_the_place_of_what_it_was(tmp_path: Path) -> None:
    pool, path = FilePool(), write(tmp_path / "a", "one")
    pool.get(path, read)
    write(path, "two")
    os.utime(path, ns=(1, 1))
    assert pool.get(path, read).text == "two"
    assert (pool.stats()["entries"], pool.bytes) == (1, 3)


def test_the_least_recently_used_leaves_first(tmp_path: Path) -> None:
    pool = FilePool(max_bytes=6)
    a, b, c = (write(tmp_path / name, "xxx") for name in "abc")
    first = pool.get(a, read)
    pool.get(b, read)
    pool.get(a, read)
    pool.get(c, read)
    assert pool.get(a, read) is first
    assert pool.stats()["entries"] == 2
    pool.get(b, read)
    assert pool.misses == 4
    assert pool.bytes == 6


def test_what_is_larger_than_the_budget_is_handed_out_and_not_kept(tmp_path: Path) -> None:
    pool = FilePool(max_bytes=2)
    assert pool.get(write(tmp_path / "a", "one"), read).text == "one"
    assert pool.stats()["entries"] == pool.bytes == 0


def test_a_file_that_cannot_be_read_leaves_nothing(tmp_path: Path) -> None:
    pool = FilePool()

    def fail(path: Path) -> Parsed:
        raise ValueError(path.name)

    with pytest.raises(ValueError, match="a"):
        pool.get(write(tmp_path / "a", "one"), fail)
    with pytest.raises(FileNotFoundError):
        pool.get(tmp_path / "nowhere", read)
    assert pool.stats()["entries"] == 0


def test_it_can_be_emptied(tmp_path: Path) -> None:
    pool = FilePool()
    pool.get(write(tmp_path / "a", "one"), read)
    pool.clear()
    assert pool.bytes == pool.stats()["entries"] == 0
