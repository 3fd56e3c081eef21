"""The nodes at the beginning of a conversion read what they may, and no more."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from tests.packs.conversion.sources.conftest import graph

from inhouse.errors import ModelNotFoundError, PathEscapeError, UnsafeModelError, UsageError
from inhouse.files import Folders
from inhouse.models.catalogue import ModelCatalogue
from inhouse.packs.conversion.nodes.sources import export_model, load_model_source, shape_model
from inhouse.packs.conversion.workshop import Workshop


class Standing:
    """A context with these services."""

    def __init__(self, *services: object) -> None:
        self._services = {type(service): service for service in services}

    def find(self, kind: type) -> object:
        return self._services.get(kind)

    def service(self, kind: type) -> object:
        return self._services[kind]


@pytest.fixture
def on_gateway(tmp_path: Path) -> Standing:
    models = tmp_path / "models"
    models.mkdir()
    onnx.save(graph(), models / "scale.onnx")
    (models / "weights.pth").write_bytes(b"\x80\x04.")
    onnx.save(graph(), tmp_path / "elsewhere.onnx")
    return Standing(ModelCatalogue({"checkpoints": [models]}), Folders(tmp_path / "in", tmp_path, tmp_path))


def test_a_model_goes_through_all_three(on_gateway: Standing) -> None:
    source = load_model_source(model="scale.onnx", context=on_gateway)
    draft = shape_model(draft=export_model(source=source, target="onnx", context=on_gateway))
    assert [record.name for record in draft.passes] == ["export", "shape"]


def test_a_gateway_reads_its_own_folders_only(on_gateway: Standing, tmp_path: Path) -> None:
    with pytest.raises(PathEscapeError):
        load_model_source(model="../elsewhere.onnx", context=on_gateway)
    with pytest.raises(PathEscapeError):
        load_model_source(model=str(tmp_path / "elsewhere.onnx"), context=on_gateway)
    with pytest.raises(PathEscapeError):
        load_model_source(model="scale.onnx", labels="/etc/hostname", context=on_gateway)
    with pytest.raises(ModelNotFoundError):
        load_model_source(model="os:getcwd", context=on_gateway)
    with pytest.raises(UnsafeModelError):
        load_model_source(model="weights.pth", context=on_gateway)


def test_a_command_line_reads_whatever_its_user_may(tmp_path: Path) -> None:
    onnx.save(graph(), tmp_path / "scale.onnx")
    context = Standing(Workshop(tmp_path / "drafts", anywhere=True))
    source = load_model_source(model=str(tmp_path / "scale.onnx"), context=context)
    assert export_model(source=source, target="onnx", context=context).folder.parent == tmp_path / "drafts"
    with pytest.raises(UsageError, match="There is no"):
        load_model_source(model="inhouse:nothing", context=context)
