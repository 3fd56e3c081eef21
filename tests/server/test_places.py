from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inhouse.errors import PathEscapeError, RequestError
from inhouse.files import write_atomic
from inhouse.server.places import is_folder, place


@pytest.mark.parametrize("name", ["a.txt", "sub/a.txt", "a/../b", "ünï 图.png", "n" * 200])
def test_a_name_that_a_file_can_have_is_a_place(tmp_path: Path, name: str) -> None:
    assert place(tmp_path, name).is_relative_to(tmp_path.resolve())


@pytest.mark.parametrize(
    "name", ["", ".", "a/..", "n" * 201, "a/", "/".join(["nnnnnnnnn"] * 300), "file/below", "folder"]
)
def test_a_name_that_no_file_can_have_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    with pytest.raises(RequestError):
        place(tmp_path, name)


@given(name=st.text(max_size=260) | st.lists(st.sampled_from(["..", ".", "a", "", "\0", "\ud800"])).map("/".join))
def test_whatever_the_name_nothing_is_written_elsewhere(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    root = tmp_path_factory.getbasetemp() / "places" / "root"
    root.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(PathEscapeError, RequestError):
        write_atomic(place(root, name), lambda file: file.write(b"x"))
    assert list(root.parent.iterdir()) == [root]


def test_a_name_that_no_folder_can_have_is_no_folder(tmp_path: Path) -> None:
    assert is_folder(tmp_path)
    assert not is_folder(tmp_path / ("n" * 300))
    assert not is_folder(Path("a\0b"))
