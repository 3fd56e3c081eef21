"""Where conversions happen."""

import gc
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.packs.conversion.models import texts

from inhouse.errors import ModelNotFoundError, PathEscapeError
from inhouse.packs.conversion.workshop import Workshop


class Answer:
    """A model as a function."""

    def __call__(self, feeds: Any) -> Any:
        return feeds


def test_a_draft_goes_with_the_model_that_it_is_of(tmp_path: Path) -> None:
    source = replace(texts(8), answer=Answer())
    folder = Workshop(tmp_path / "work").draft_folder(source)
    (folder / "model.onnx").touch()
    assert folder.parent == tmp_path / "work"
    del source
    gc.collect()
    assert not folder.exists()


def test_only_what_lies_below_its_folders_is_found(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    (second / "net").mkdir(parents=True)
    first.mkdir()
    assert Workshop().place("net", [first, second]) == second / "net"
    with pytest.raises(ModelNotFoundError):
        Workshop().place("other", [first, second])
    with pytest.raises(PathEscapeError):
        Workshop().place("../second/net", [first])
