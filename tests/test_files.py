"""Files: nothing leaves its folder, and nothing is left half-written."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import multiprocessing
import os
import re
from pathlib import Path
from typing import BinaryIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inhouse.errors import FileError, OutputError, PathEscapeError
from inhouse.files import Claim, Claims, Folders, digest, inside, write_atomic, write_numbered


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def disk_full(file: BinaryIO) -> None:
    file.write(b"half")
    raise OSError(errno.ENOSPC, "No space left on device")


class TestInside:
    @pytest.mark.parametrize("name", ["a.png", "sub/a.png", "a/../b.png", ".", "", "a b", "ü", "..a", "a.."])
    def test_names_inside(self, tmp_path: Path, name: str) -> None:
        assert inside(tmp_path, name).is_relative_to(tmp_path.resolve())

    @pytest.mark.parametrize("name", ["..", "../a", "a/../../b", "/etc/passwd", "sub/../../../x", "a\0b"])
    def test_names_outside(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(PathEscapeError):
            inside(tmp_path, name)

    def test_a_neighbour_whose_name_begins_alike_is_outside(self, tmp_path: Path) -> None:
        (tmp_path / "out").mkdir()
        (tmp_path / "output").mkdir()
        with pytest.raises(PathEscapeError):
            inside(tmp_path / "out", "../output/a")

    def test_symbolic_links_are_followed_before_they_are_judged(self, tmp_path: Path) -> None:
        root, elsewhere = tmp_path / "root", tmp_path / "elsewhere"
        root.mkdir()
        elsewhere.mkdir()
        (root / "out").symlink_to(elsewhere)
        (root / "in").symlink_to(root)
        (root / "circle").symlink_to(root / "circle")
        with pytest.raises(PathEscapeError):
            inside(root, "out/a.png")
        with contextlib.suppress(PathEscapeError):
            assert inside(root, "circle/a").is_relative_to(root.resolve())
        assert inside(root, "in/a.png") == root.resolve() / "a.png"
        (tmp_path / "alias").symlink_to(root)
        assert inside(tmp_path / "alias", "a.png") == root.resolve() / "a.png"

    @given(st.text())
    def test_any_text_is_a_path_inside_or_an_error_of_ours(self, name: str) -> None:
        root = Path("/nowhere/at/all")
        with contextlib.suppress(PathEscapeError):
            assert inside(root, name).is_relative_to(root)


class TestFolders:
    @pytest.fixture
    def folders(self, tmp_path: Path) -> Folders:
        made = Folders(tmp_path / "in", tmp_path / "out", tmp_path / "temp")
        made.input.mkdir()
        return made

    def test_a_name_may_say_its_folder(self, folders: Folders, tmp_path: Path) -> None:
        root = tmp_path.resolve()
        assert folders.path("a.png") == root / "in/a.png"
        assert folders.path("a.png [output]") == root / "out/a.png"
        assert folders.path("sub/a.png [temp]", "output") == root / "temp/sub/a.png"
        assert folders.path("a [other].png") == root / "in/a [other].png"
        with pytest.raises(PathEscapeError):
            folders.path("../a.png [temp]")

    def test_inputs_are_the_files_that_match(self, folders: Folders) -> None:
        for name in ("b.png", "a.png", "c.txt"):
            (folders.input / name).touch()
        (folders.input / "d.png").mkdir()
        assert folders.inputs(re.compile(r"\.png$")) == ["a.png", "b.png"]
        assert Folders(folders.temp, folders.temp, folders.temp).inputs(re.compile("")) == []


class TestWriteAtomic:
    def test_it_writes_and_makes_missing_folders(self, tmp_path: Path) -> None:
        path = tmp_path / "new" / "sub" / "a.bin"
        write_atomic(path, lambda file: file.write(b"whole"))
        assert path.read_bytes() == b"whole"
        assert names(path.parent) == ["a.bin"]

    def test_the_file_may_be_read_by_others_as_the_umask_says(self, tmp_path: Path) -> None:
        before = os.umask(0o027)
        try:
            write_atomic(tmp_path / "a", lambda file: file.write(b"x"))
        finally:
            os.umask(before)
        assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640

    def test_a_full_disk_leaves_the_old_file_and_nothing_else(self, tmp_path: Path) -> None:
        path = tmp_path / "a.bin"
        path.write_bytes(b"old")
        with pytest.raises(OutputError, match=r"No space left on device\. Free some space there\.") as caught:
            write_atomic(path, disk_full)
        assert isinstance(caught.value.__cause__, OSError)
        assert path.read_bytes() == b"old"
        assert names(tmp_path) == ["a.bin"]

    def test_a_writer_that_fails_leaves_nothing(self, tmp_path: Path) -> None:
        def broken(file: BinaryIO) -> None:
            file.write(b"half")
            raise ValueError("no such mode")

        with pytest.raises(ValueError, match="no such mode"):
            write_atomic(tmp_path / "a", broken)
        assert names(tmp_path) == []

    def test_without_overwriting_what_is_there_stays(self, tmp_path: Path) -> None:
        (tmp_path / "a").write_bytes(b"old")
        with pytest.raises(FileExistsError):
            write_atomic(tmp_path / "a", lambda file: file.write(b"new"), overwrite=False)
        assert (tmp_path / "a").read_bytes() == b"old"
        assert names(tmp_path) == ["a"]

    def test_disks_without_hard_links_will_do(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*_: object) -> None:
            raise OSError(errno.EPERM, "Operation not permitted")

        monkeypatch.setattr(os, "link", refuse)
        write_atomic(tmp_path / "a", lambda file: file.write(b"new"), overwrite=False)
        with pytest.raises(FileExistsError):
            write_atomic(tmp_path / "a", lambda file: file.write(b"newer"), overwrite=False)
        assert (tmp_path / "a").read_bytes() == b"new"
        assert names(tmp_path) == ["a"]

    def test_a_folder_that_is_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(OutputError, match="Choose another folder"):
            write_atomic(tmp_path / "file" / "a", lambda file: file.write(b"x"))

    def test_a_folder_that_may_not_be_written(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*_: object) -> int:
            raise PermissionError(errno.EACCES, "Permission denied")

        monkeypatch.setattr(os, "open", refuse)  # root, as whom tests may run, is refused nothing
        with pytest.raises(OutputError, match="Permission denied"):
            write_atomic(tmp_path / "a", lambda file: file.write(b"x"))

    def test_a_path_that_is_a_folder(self, tmp_path: Path) -> None:
        (tmp_path / "a").mkdir()
        with pytest.raises(OutputError):
            write_atomic(tmp_path / "a", lambda file: file.write(b"x"))
        assert names(tmp_path) == ["a"]

    @pytest.mark.parametrize("letter", ["a", "ü", "語"])
    def test_names_as_long_as_the_disk_allows(self, tmp_path: Path, letter: str) -> None:
        name = letter * (255 // len(letter.encode()))
        write_atomic(tmp_path / name, lambda file: file.write(b"x"))
        assert names(tmp_path) == [name]

    def test_names_longer_than_that_are_an_error_of_ours(self, tmp_path: Path) -> None:
        with pytest.raises(OutputError, match="too long"):
            write_atomic(tmp_path / ("a" * 300), lambda file: file.write(b"x"))
        assert names(tmp_path) == []


def number_many(folder: Path, count: int) -> list[str]:
    return [write_numbered(folder, "p", ".txt", lambda file: file.write(b"x")).name for _ in range(count)]


class TestWriteNumbered:
    def test_numbers_go_on_from_the_highest(self, tmp_path: Path) -> None:
        for name in ("p_00003_.txt", "p_00007.png", "p2_00099_.txt", "p_x_00050_.txt", "p_00098_.txt.bak"):
            (tmp_path / name).touch()
        assert number_many(tmp_path, 2) == ["p_00008_.txt", "p_00009_.txt"]

    def test_a_prefix_may_name_a_folder_and_may_not_leave(self, tmp_path: Path) -> None:
        path = write_numbered(tmp_path, "day/p", ".txt", lambda file: file.write(b"x"))
        assert path == tmp_path.resolve() / "day/p_00001_.txt"
        for prefix in ("../p", "/p", "a/../../p"):
            with pytest.raises(PathEscapeError):
                write_numbered(tmp_path, prefix, ".txt", lambda file: file.write(b"x"))

    def test_letters_that_mean_something_to_a_pattern_mean_nothing(self, tmp_path: Path) -> None:
        made = [write_numbered(tmp_path, "a[1].*+", ".txt", lambda file: file.write(b"x")).name for _ in range(2)]
        assert made == ["a[1].*+_00001_.txt", "a[1].*+_00002_.txt"]

    def test_more_than_99999(self, tmp_path: Path) -> None:
        (tmp_path / "p_99999_.txt").touch()
        assert number_many(tmp_path, 2) == ["p_100000_.txt", "p_100001_.txt"]

    def test_a_full_disk(self, tmp_path: Path) -> None:
        with pytest.raises(OutputError, match="Free some space"):
            write_numbered(tmp_path, "p", ".txt", disk_full)
        assert names(tmp_path) == []

    def test_two_processes_never_take_the_same_number(self, tmp_path: Path) -> None:
        with multiprocessing.get_context("spawn").Pool(2) as pool:
            found = pool.starmap(number_many, [(tmp_path, 40), (tmp_path, 40)])
        assert sorted(found[0] + found[1]) == [f"p_{i:05}_.txt" for i in range(1, 81)]

    def test_it_gives_up_after_so_many_attempts(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("inhouse.files._last_number", lambda *_: 0)
        for i in (1, 2):
            (tmp_path / f"p_{i:05}_.txt").touch()
        with pytest.raises(OutputError, match=r"after 2 attempts\. Choose another prefix"):
            write_numbered(tmp_path, "p", ".txt", lambda file: file.write(b"x"), attempts=2)


class TestDigest:
    def test_it_is_sha_256(self, tmp_path: Path) -> None:
        for content in (b"", b"a", bytes(3_000_000)):
            (tmp_path / "a").write_bytes(content)
            assert digest(tmp_path / "a") == hashlib.sha256(content).hexdigest()

    def test_what_cannot_be_read(self, tmp_path: Path) -> None:
        for path in (tmp_path, tmp_path / "gone"):
            with pytest.raises(FileError, match="Cannot read"):
                digest(path)


class TestClaims:
    def write(self, root: Path, run_id: str, content: bytes, claimant: str = "9", prefix: str = "a") -> Path:
        """Write a file as a run does whose process dies right after: what it remembers of itself is lost."""
        claim = Claims(root / "claims", run_id).next(claimant, root / "out", ".png")
        return write_numbered(root / "out", prefix, ".png", lambda file: file.write(content), claim=claim)

    def test_a_run_tried_again_writes_over_its_own_files_and_no_others(self, tmp_path: Path) -> None:
        assert self.write(tmp_path, "one", b"1").name == "a_00001_.png"
        assert self.write(tmp_path, "two", b"2").name == "a_00002_.png"
        assert self.write(tmp_path, "one", b"3").name == "a_00001_.png"
        assert self.write(tmp_path, "one", b"4").name == "a_00001_.png"
        assert [path.read_bytes() for path in sorted((tmp_path / "out").iterdir())] == [b"4", b"2"]

    def test_a_nodes_files_are_told_apart_by_their_order_and_nodes_by_their_ids(self, tmp_path: Path) -> None:
        for _ in range(2):
            claims = Claims(tmp_path / "claims", "run")
            for claimant in ("8", "9", "9", "8"):
                claim = claims.next(claimant, tmp_path, ".png")
                write_numbered(tmp_path, claimant, ".png", lambda file: file.write(b"x"), claim=claim)
        files = [name for name in names(tmp_path) if name != "claims"]
        assert files == ["8_00001_.png", "8_00002_.png", "9_00001_.png", "9_00002_.png"]

    def test_a_name_that_somebody_else_took_meanwhile_is_theirs(self, tmp_path: Path) -> None:
        first = self.write(tmp_path, "run", b"mine")
        first.unlink()
        first.write_bytes(b"theirs")
        os.utime(first, ns=(1, 1))
        assert self.write(tmp_path, "run", b"mine again").name == "a_00002_.png"
        assert first.read_bytes() == b"theirs"

    def test_a_prefix_with_the_time_in_it_makes_no_second_file(self, tmp_path: Path) -> None:
        first = self.write(tmp_path, "run", b"1", prefix="at 10:00")
        assert self.write(tmp_path, "run", b"2", prefix="at 10:01") == first

    def test_a_journal_that_was_cut_off_is_read_as_far_as_it_goes(self, tmp_path: Path) -> None:
        first = self.write(tmp_path, "run", b"1")
        [journal] = (tmp_path / "claims").iterdir()
        with journal.open("ab") as file:
            file.write(b'["half a li')
        assert self.write(tmp_path, "run", b"2") == first

    def test_what_is_noted_before_a_death_between_note_and_name_claims_nothing(self, tmp_path: Path) -> None:
        claim = Claims(tmp_path / "claims", "run").next("9", tmp_path / "out", ".png")
        with pytest.raises(KeyboardInterrupt):
            write_atomic(tmp_path / "out" / "a_00001_.png", lambda _: None, written=lambda status: die(claim, status))
        assert self.write(tmp_path, "run", b"1").name == "a_00001_.png"
        assert self.write(tmp_path, "run", b"2").name == "a_00001_.png"

    @pytest.mark.parametrize("end", ["tried again", "forgotten", "swept"])
    def test_what_a_process_that_died_left_half_written_goes(self, tmp_path: Path, end: str) -> None:
        out = tmp_path / "out"
        out.mkdir()
        claim = Claims(tmp_path / "claims", "run").next("9", out, ".png")
        half, other = out / ".a_00001_.png.0123", out / ".somebody_else.png.4567"
        claim.begin(half)
        for path in (half, other):
            path.write_bytes(b"half")
        if end == "tried again":
            Claims(tmp_path / "claims", "run").next("9", out, ".png")
        elif end == "forgotten":
            Claims(tmp_path / "claims", "run").forget()
        else:
            Claims.sweep(tmp_path / "claims", [])
        assert names(out) == [other.name]

    def test_forgotten_a_run_is_a_new_one_whatever_its_id(self, tmp_path: Path) -> None:
        for run_id in ("run", "../../run", "a" * 1000, "\ud800", ""):
            self.write(tmp_path, run_id, b"1")
            Claims(tmp_path / "claims", run_id).forget()
            Claims(tmp_path / "claims", run_id).forget()
        assert names(tmp_path / "claims") == []
        assert len(names(tmp_path / "out")) == 5

    def test_without_claims_every_file_is_new(self, tmp_path: Path) -> None:
        assert Folders(tmp_path, tmp_path, tmp_path).claim("9", tmp_path, ".png") is None


def die(claim: Claim, status: os.stat_result) -> None:
    claim.note(Path("a_00001_.png"), status)
    raise KeyboardInterrupt


def test_journals_of_runs_that_are_over_are_swept_and_those_of_others_stay(tmp_path: Path) -> None:
    for run_id in ("over", "open"):
        claim = Claims(tmp_path / "claims", run_id).next("1", tmp_path, ".png")
        write_numbered(tmp_path, run_id, ".png", lambda file: file.write(b"x"), claim=claim)
    Claims.sweep(tmp_path / "claims", ["open"])
    again = Claims(tmp_path / "claims", "open").next("1", tmp_path, ".png")
    assert again.held == tmp_path / "open_00001_.png"
    assert Claims(tmp_path / "claims", "over").next("1", tmp_path, ".png").held is None
    Claims.sweep(tmp_path / "nothing", [])
