"""Nodes that compare a converted model with the original, and write it down."""

from pathlib import Path

import pytest
from tests.packs.conversion.models import exported, texts

from inhouse import Engine, Link, Registry, Workflow, WorkflowNode, node
from inhouse.errors import ConversionError
from inhouse.files import Folders
from inhouse.models.artifact import verify_artifact
from inhouse.models.signing import Signer, Trust
from inhouse.packs.conversion.nodes.proof import NODES
from inhouse.packs.conversion.wires import Draft

VERIFIED = {"max_drop": 0.01, "batch": 4, "metric": "auto", "seed": 0}


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    return Signer.open(tmp_path / "key.pem")


@pytest.fixture
def engine(tmp_path: Path, signer: Signer) -> Engine:
    @node("Draft")
    def draft() -> Draft:
        """Give a draft."""
        return exported(texts(), tmp_path / "draft")

    registry = Registry()
    registry.add([*NODES, draft], pack="test")
    folders = Folders(tmp_path / "in", tmp_path / "out", tmp_path / "temp")
    return Engine(registry, services={Folders: folders, Signer: signer})


def workflow(saved: str) -> Workflow:
    nodes = {
        "draft": WorkflowNode("Draft"),
        "verify": WorkflowNode("VerifyModel", {"draft": Link("draft", 0), **VERIFIED}),
        "save": WorkflowNode("SaveArtifact", {"draft": Link(saved, 0), "name": "models/mine"}),
    }
    return Workflow(nodes)


def test_what_was_verified_is_saved_and_told(engine: Engine, signer: Signer, tmp_path: Path) -> None:
    with engine:
        for name in ("mine", "mine-2"):
            result = engine.run(workflow("verify"))
            assert result.status == "success"
            place = tmp_path / "out" / "models" / name
            assert list(result.values["save"][0]) == [str(place)]
            assert "faster" in result.outputs["save"]["text"][0]
            assert verify_artifact(place, Trust(frozenset({signer.public}))).name == "mine"


def test_what_was_not_is_not(engine: Engine, tmp_path: Path) -> None:
    with engine:
        result = engine.run(workflow("draft"))
    assert isinstance(result.failures[0].error, ConversionError)
    assert not (tmp_path / "out").exists()
