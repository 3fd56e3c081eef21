from __future__ import annotations

import io
import threading
from pathlib import Path

from inhouse.server.uploads import keep


def upload(root: Path, name: str, content: bytes, *, overwrite: bool = False) -> str:
    return keep(root, "", name, io.BytesIO(content), overwrite=overwrite)


def test_what_is_there_already_is_not_written_again(tmp_path: Path) -> None:
    assert upload(tmp_path, "a.png", b"one") == "a.png"
    before = (tmp_path / "a.png").stat().st_ino
    assert upload(tmp_path, "a.png", b"one") == "a.png"
    assert (tmp_path / "a.png").stat().st_ino == before


def test_a_file_that_begins_like_another_is_another(tmp_path: Path) -> None:
    assert [upload(tmp_path, "a", content) for content in (b"one", b"one more", b"on")] == ["a", "a (1)", "a (2)"]


def test_nobody_loses_a_file_to_somebody_of_the_same_name(tmp_path: Path) -> None:
    names: list[str] = []
    threads = [
        threading.Thread(target=lambda content=content: names.append(upload(tmp_path, "a.png", content)))
        for content in (bytes([number]) for number in range(12))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(names)) == 12
    assert sorted(path.read_bytes() for path in tmp_path.iterdir()) == [bytes([number]) for number in range(12)]


def test_an_overwritten_file_is_whole(tmp_path: Path) -> None:
    upload(tmp_path, "a.png", b"a long first version")
    assert upload(tmp_path, "a.png", b"short", overwrite=True) == "a.png"
    assert (tmp_path / "a.png").read_bytes() == b"short"
