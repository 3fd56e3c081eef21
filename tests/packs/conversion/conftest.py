"""Models that are exported once for all tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.packs.conversion.models import exported, pictures, texts

from inhouse.packs.conversion.model import Draft


@pytest.fixture(scope="session")
def picture_draft(tmp_path_factory: pytest.TempPathFactory) -> Draft:
    """The small classifier of pictures as an ONNX graph; copy it before changing it."""
    return exported(pictures(), tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="session")
def text_draft(tmp_path_factory: pytest.TempPathFactory) -> Draft:
    """The small encoder of texts as an ONNX graph; copy it before changing it."""
    return exported(texts(), tmp_path_factory.mktemp("texts"))


@pytest.fixture
def flipped(tmp_path: Path) -> Path:
    """A place for a copy of a draft that is broken on purpose."""
    return tmp_path / "flipped"
