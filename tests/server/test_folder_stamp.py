import os
from pathlib import Path

import pytest

from inhouse.server.folder_stamp import FolderStamp

LONG_AGO = 1_000_000_000


def make_old(root: Path) -> None:
    for path in [root, *root.rglob("*")]:
        if not path.is_symlink():
            os.utime(path, (LONG_AGO, LONG_AGO))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "x").touch()
    make_old(tmp_path)
    return tmp_path / "a"


def test_a_stamp_holds_until_a_file_comes_or_goes(root: Path) -> None:
    stamp = FolderStamp.of([root])
    assert stamp.holds()
    (root / "b" / "y").touch()
    assert not stamp.holds()
    make_old(root)
    stamp = FolderStamp.of([root])
    (root / "b" / "x").unlink()
    assert not stamp.holds()


def test_a_folder_that_changed_just_now_may_change_again_unseen(root: Path) -> None:
    (root / "y").touch()
    assert not FolderStamp.of([root]).holds()


def test_a_folder_that_is_not_there_may_come(root: Path) -> None:
    stamp = FolderStamp.of([root / "later"], [root / "flat"])
    assert stamp.holds()
    (root / "flat").mkdir()
    assert not stamp.holds()


def test_a_flat_folder_is_looked_at_by_itself(root: Path) -> None:
    stamp = FolderStamp.of([], [root])
    (root / "b" / "y").touch()
    assert stamp.holds()
    (root / "y").touch()
    assert not stamp.holds()


def test_a_link_that_leads_back_up_ends(root: Path) -> None:
    (root / "b" / "up").symlink_to(root)
    make_old(root)
    stamp = FolderStamp.of([root])
    assert stamp.holds()
    assert len(stamp.times) <= 3
