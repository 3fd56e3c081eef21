from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from inhouse.errors import ModelError, ModelFormatError
from inhouse.models import safetensors_file
from inhouse.models.safetensors_file import MAX_HEADER_BYTES, open_safetensors

GOOD = {"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}


def write(path: Path, header: object, data: bytes = b"\0" * 8, *, length: int | None = None) -> Path:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes((len(raw) if length is None else length).to_bytes(8, "little") + raw + data)
    return path


def entry(**changes: Any) -> dict[str, Any]:
    return {"a": {**GOOD["a"], **changes}}


def test_tensors_are_listed_without_their_data_being_read(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    arrays: dict[str, Any] = {"b": np.arange(6, dtype=np.float16).reshape(2, 3), "a": np.array(7, dtype=np.int64)}
    save_file(arrays, path, metadata={"format": "pt"})

    file = open_safetensors(path)

    assert {name: (info.dtype, info.shape, info.nbytes) for name, info in file.tensors.items()} == {
        "a": ("I64", (), 8),
        "b": ("F16", (2, 3), 12),
    }
    assert file.tensors["b"].elements == 6
    assert file.metadata == {"format": "pt"}


def test_a_tensor_is_read_into_the_callers_memory(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_file({"a": np.arange(3, dtype=np.float32), "b": np.arange(4, dtype=np.float64)}, path)
    target = np.zeros(3, dtype=np.float32)

    with open_safetensors(path).reader() as reader:
        reader.read_into("a", target.data)

    assert target.tolist() == [0, 1, 2]


def test_a_mapped_tensor_is_the_files_until_it_is_written_to(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_file({"a": np.arange(3, dtype=np.float32), "b": np.arange(4, dtype=np.float64)}, path)
    mapped = open_safetensors(path).mapped()
    mapped.fetch(["a", "b"])
    a = np.frombuffer(mapped.bytes("a"), dtype=np.float32)
    assert a.tolist() == [0, 1, 2]
    a[0] = 5
    with open_safetensors(path).reader() as reader:
        reader.read_into("a", memoryview(target := bytearray(12)))
    assert np.frombuffer(target, dtype=np.float32).tolist() == [0, 1, 2]


def test_pages_given_back_are_the_files_again(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_file({"a": np.arange(3, dtype=np.float32)}, path)
    mapped = open_safetensors(path).mapped()
    mapped.drop("a")
    assert np.frombuffer(mapped.bytes("a"), dtype=np.float32).tolist() == [0, 1, 2]


def test_a_file_cut_short_after_its_header_was_read_is_not_mapped(tmp_path: Path) -> None:
    path = write(tmp_path / "m.safetensors", GOOD)
    file = open_safetensors(path)
    os.truncate(path, path.stat().st_size - 1)
    with pytest.raises(ModelFormatError, match="cut short"):
        file.mapped()
    os.truncate(path, 0)
    with pytest.raises(ModelFormatError, match="cannot be mapped"):
        file.mapped()


def test_an_older_kernel_is_asked_to_read_ahead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(safetensors_file, "_POPULATE_READ", 9999)
    path = tmp_path / "model.safetensors"
    save_file({"a": np.arange(3, dtype=np.float32), "b": np.arange(4, dtype=np.float64)}, path)
    mapped = open_safetensors(path).mapped()
    mapped.fetch(["b", "a"])
    assert np.frombuffer(mapped.bytes("b"), dtype=np.float64).tolist() == [0, 1, 2, 3]


def test_a_buffer_of_another_size_is_refused(tmp_path: Path) -> None:
    with (
        open_safetensors(write(tmp_path / "m.safetensors", GOOD)).reader() as reader,
        pytest.raises(ValueError, match="has 4 bytes"),
    ):
        reader.read_into("a", memoryview(bytearray(4)))


def test_a_file_that_shrinks_while_it_is_read_is_an_error(tmp_path: Path) -> None:
    path = write(tmp_path / "m.safetensors", GOOD)
    with open_safetensors(path).reader() as reader:
        os.truncate(path, path.stat().st_size - 1)
        with pytest.raises(ModelFormatError, match="cut short"):
            reader.read_into("a", memoryview(bytearray(8)))


@pytest.mark.parametrize(
    ("header", "problem"),
    [
        (b"{nonsense", "no valid JSON"),
        (b'{"a": NaN, "a": 1}', "twice"),
        (b'{"\xff": 1}', "no valid JSON"),
        (b'{"a": ' + b"[" * 100_000 + b"}", "no valid JSON"),
        (b'{"a": ' + b"9" * 5000 + b"}", "no valid JSON"),
        ({"__metadata__": {"a": 1}, **GOOD}, "no map of texts"),
        ({"__metadata__": [], **GOOD}, "no map of texts"),
        ({"a": []}, "malformed"),
        ({"a": {"dtype": "F32", "shape": [2]}}, "malformed"),
        (entry(dtype="F33"), "unknown type 'F33'"),
        (entry(dtype=["F32"]), "unknown type"),
        (entry(shape=[-2, -1]), "malformed"),
        (entry(shape=[True, 2]), "malformed"),
        (entry(shape="2"), "malformed"),
        (entry(shape=[2**70]), "malformed"),
        (entry(shape=[1] * 17 + [2]), "malformed"),
        (entry(data_offsets=[8, 0]), "cannot have -8 bytes"),
        (entry(data_offsets=[0]), "malformed"),
        (entry(data_offsets=[0.0, 8.0]), "malformed"),
        (entry(shape=[3]), "cannot have 8 bytes"),
        (entry(shape=[2**40, 2**40]), "cannot have 8 bytes"),
        (entry(data_offsets=[8, 16]), "behind a hole"),
        (entry(shape=[2**40], data_offsets=[0, 2**42]), "cut short"),
        ({**GOOD, "b": GOOD["a"]}, "overlaps another"),
        ({}, "bytes follow the last tensor"),
    ],
)
def test_a_hostile_header_is_refused_by_name(tmp_path: Path, header: object, problem: str) -> None:
    with pytest.raises(ModelFormatError, match=problem) as caught:
        open_safetensors(write(tmp_path / "evil.safetensors", header))
    assert "evil.safetensors" in str(caught.value)
    assert caught.value.hint


def test_a_truncated_download_is_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "half.safetensors"
    save_file({"a": np.zeros(1000, dtype=np.float32)}, path)
    os.truncate(path, path.stat().st_size - 1)
    with pytest.raises(ModelFormatError, match=r"cut short.*resume"):
        open_safetensors(path)


@pytest.mark.parametrize("length", [2**20, MAX_HEADER_BYTES, MAX_HEADER_BYTES + 1, 2**63, 2**64 - 1])
def test_a_header_longer_than_the_file_is_not_allocated(tmp_path: Path, length: int) -> None:
    with pytest.raises(ModelFormatError):
        open_safetensors(write(tmp_path / "evil.safetensors", GOOD, length=length))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(raw=st.binary(max_size=300))
def test_whatever_the_bytes_are_the_error_is_ours(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "noise.safetensors"
    path.write_bytes(raw)
    with pytest.raises(ModelError):
        open_safetensors(path)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=5) | st.just("F32"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
ENTRY = st.fixed_dictionaries({"dtype": JSON, "shape": JSON, "data_offsets": JSON})


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(header=st.dictionaries(st.text(max_size=5), JSON | ENTRY, max_size=3))
def test_what_is_accepted_lies_within_the_file(tmp_path: Path, header: dict[str, Any]) -> None:
    path = write(tmp_path / "noise.safetensors", header)
    try:
        file = open_safetensors(path)
    except ModelError:
        return
    size = path.stat().st_size
    assert all(0 <= info.start <= info.start + info.nbytes <= size for info in file.tensors.values())
    assert sum(info.nbytes for info in file.tensors.values()) == 8


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(
    arrays=st.dictionaries(
        st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=8).filter(
            lambda name: name != "__metadata__"
        ),
        st.lists(st.integers(0, 4), max_size=3),
        max_size=5,
    )
)
def test_every_file_of_the_official_writer_is_read_back(tmp_path: Path, arrays: dict[str, list[int]]) -> None:
    path = tmp_path / "model.safetensors"
    save_file({name: np.zeros(shape, dtype=np.float32) for name, shape in arrays.items()}, path)
    assert {name: list(info.shape) for name, info in open_safetensors(path).tensors.items()} == arrays
