from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from inhouse.errors import FileError, UsageError
from inhouse.packs.benchmark.feeds import Questions

TEXT = {
    "input_ids": (np.dtype(np.int64), ("batch", "tokens")),
    "attention_mask": (np.dtype(np.int64), ("batch", "tokens")),
    "token_type_ids": (np.dtype(np.int64), ("batch", "tokens")),
}
IMAGE = {"pixels": (np.dtype(np.float32), ("batch", 3, "height", "width"))}


def test_texts_have_identifiers_within_every_vocabulary_and_a_whole_mask() -> None:
    found = Questions(sizes={"tokens": 7}).feeds(TEXT, 3)
    assert {array.shape for array in found.values()} == {(3, 7)}
    assert found["input_ids"].max() < 1000
    assert found["attention_mask"].min() == 1
    assert found["token_type_ids"].max() == 0


def test_pictures_are_as_large_as_pictures_are() -> None:
    assert Questions().feeds(IMAGE, 2)["pixels"].shape == (2, 3, 224, 224)


def test_the_same_seed_asks_the_same() -> None:
    one, two, other = (Questions(seed=seed).feeds(TEXT, 2)["input_ids"] for seed in (1, 1, 2))
    assert np.array_equal(one, two)
    assert not np.array_equal(one, other)


def test_values_that_are_known_are_kept_to() -> None:
    found = Questions(values={"input_ids": (5, 6)}).feeds(TEXT, 8)["input_ids"]
    assert set(found.flat) == {5, 6}


def test_rows_of_a_file_are_taken_again_and_again(tmp_path: Path) -> None:
    np.savez(tmp_path / "rows.npz", pixels=np.arange(2 * 3, dtype=np.float64).reshape(2, 3))
    found = Questions(data=tmp_path / "rows.npz").feeds({"pixels": (np.dtype(np.float32), ("batch", 3))}, 3)["pixels"]
    assert found.tolist() == [[0, 1, 2], [3, 4, 5], [0, 1, 2]]
    assert found.dtype == np.float32


def test_a_file_that_lacks_an_input_names_it(tmp_path: Path) -> None:
    np.savez(tmp_path / "rows.npz", other=np.zeros(3))
    with pytest.raises(UsageError, match=r"rows\.npz has no rows for pixels"):
        Questions(data=tmp_path / "rows.npz").feeds(IMAGE, 1)


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "rows.npz").write_bytes(b"no archive")
    with pytest.raises(FileError, match="no file of arrays"):
        Questions(data=tmp_path / "rows.npz").feeds(IMAGE, 1)


def test_a_model_of_a_fixed_batch_takes_no_other() -> None:
    with pytest.raises(UsageError, match="batches of 1, not of 8"):
        Questions().feeds({"x": (np.dtype(np.float32), (1, 4))}, 8)
