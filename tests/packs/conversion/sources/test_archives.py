"""Archives of torch are looked through before torch opens them."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from inhouse.backends.memory import HostMemory
from inhouse.errors import ModelFormatError, UnsafeModelError, UsageError
from inhouse.packs.conversion.sources import open_source
from inhouse.packs.conversion.sources.archives import _plain, check_program, open_archive


def test_a_program_says_its_inputs_axes_and_limits(program: Path) -> None:
    source = open_source(str(program))
    assert source.format == "torch-export"
    assert [spec.as_dict() for spec in source.inputs] == [{"name": "rows", "dtype": "float32", "shape": ["batch", 4]}]
    assert source.limits == {"batch": (1, 16)}
    assert [spec.shape for spec in source.outputs] == [("batch", 3)]


def test_a_script_is_tried_with_the_users_arrays(script: Path, rows: Path) -> None:
    source = open_source(str(script), data=rows)
    assert source.format == "torchscript"
    assert source.inputs[0].shape == ("batch", 4)
    assert len(source.samples) == 9
    with pytest.raises(UsageError, match=r"--data FILE.npz with arrays by name \(rows\)"):
        open_source(str(script))


def rewritten(path: Path, target: Path, change: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(target, "w") as new:
        for member in old.infolist():
            ending = next((end for end in change if member.filename.endswith(end)), None)
            new.writestr(member.filename, change[ending] if ending else old.read(member))
    return target


def test_code_in_a_size_is_refused(program: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(program) as archive:
        name = next(name for name in archive.namelist() if name.endswith("models/model.json"))
        told = archive.read(name).decode()
    before = json.dumps(json.loads(told))
    evil = before.replace('"expr_str": "', '"expr_str": "__import__(\\"os\\").mkdir(\\"owned\\") or ')
    assert evil != before
    with pytest.raises(UnsafeModelError, match="for a size"):
        open_source(str(rewritten(program, tmp_path / "evil.pt2", {"models/model.json": evil.encode()})))


@pytest.mark.parametrize("text", ["s72", "2*s0 + 1", "Symbol('s72', positive=True, integer=True)", "Max(1, s0//2)"])
def test_sizes_are_sizes(text: str) -> None:
    assert _plain(text)


@pytest.mark.parametrize("text", ["__import__('os')", "s0.__class__", "exec", "Symbol('s0'), eval", "open('x')"])
def test_what_is_no_size_is_none(text: str) -> None:
    assert not _plain(text)


def test_a_script_that_reaches_files_is_refused(script: Path, rows: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(script) as archive:
        code = next(name for name in archive.namelist() if "/code/" in name and name.endswith(".py"))
        text = archive.read(code).decode()
    evil = rewritten(script, tmp_path / "evil.pt", {code: (text + '\n#torch.from_file("/etc/passwd")').encode()})
    with pytest.raises(UnsafeModelError, match="from_file"):
        open_source(str(evil), data=rows)


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "bomb.pt2"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr("model/data/weights/weight_0", bytes(50_000_000))
        archive.writestr("model/models/model.json", "{}")
    with pytest.raises(ModelFormatError, match="torch did not write"):
        check_program(path, HostMemory())


def test_members_that_leave_the_archive_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "slip.pt2"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../../etc/cron.d/evil", "x")
    with pytest.raises(ModelFormatError):
        open_archive(path, HostMemory())


def test_an_archive_cut_short_is_told(program: Path) -> None:
    whole = program.read_bytes()
    program.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelFormatError, match="cut short"):
        open_source(str(program))


def test_arrays_of_objects_are_never_read(script: Path, tmp_path: Path) -> None:
    path = tmp_path / "rows.npy"
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(UsageError, match="cannot be read"):
        open_source(str(script), data=path)
