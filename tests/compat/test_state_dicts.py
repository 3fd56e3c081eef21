from pathlib import Path

import pytest
import torch

from inhouse.compat import state_dicts
from inhouse.errors import ModelFormatError, UnsafeModelError


def test_weights_are_written_and_read(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    state_dicts.save_torch_file({"a.b": torch.ones(2, 3).T}, path, {"made": "here"})
    weights, metadata = state_dicts.load_torch_file(path, return_metadata=True)
    assert (weights["a.b"].shape, metadata, weights.path) == ((3, 2), {"made": "here"}, path)


def test_pickled_weights_are_read_and_pickled_code_is_not(tmp_path: Path) -> None:
    torch.save({"state_dict": {"a": torch.ones(1)}}, tmp_path / "w.pt")
    assert list(state_dicts.load_torch_file(tmp_path / "w.pt")) == ["a"]
    torch.save({"a": Path("x")}, tmp_path / "code.pt")
    with pytest.raises(UnsafeModelError, match=r"code\.pt has more than weights"):
        state_dicts.load_torch_file(tmp_path / "code.pt")


@pytest.mark.parametrize("name", ["w.safetensors", "gone.pt"])
def test_a_file_that_is_none_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "w.safetensors").write_bytes(b"no weights")
    with pytest.raises(ModelFormatError, match=name):
        state_dicts.load_torch_file(tmp_path / name)


def test_weights_are_renamed() -> None:
    weights = {"model.a": 1, "model.b": 2, "other": 3}
    assert state_dicts.state_dict_prefix_replace(dict(weights), {"model.": ""}) == {"other": 3, "a": 1, "b": 2}
    assert state_dicts.state_dict_prefix_replace(dict(weights), {"model.": "m."}, filter_keys=True) == {
        "m.a": 1,
        "m.b": 2,
    }
    assert state_dicts.state_dict_key_replace({"a": 1, "b": 2}, {"a": "c", "x": "y"}) == {"b": 2, "c": 1}


def test_weights_are_counted_by_prefix() -> None:
    weights = {"m.a": torch.ones(4, dtype=torch.float16), "m.b": torch.ones(3), "x": torch.ones(9)}
    assert state_dicts.calculate_parameters(weights, "m.") == 7
    assert state_dicts.weight_dtype(weights, "m.") is torch.float16
    assert state_dicts.weight_dtype(weights, "none") is None
