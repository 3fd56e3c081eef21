from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.published import Bench

from inhouse import Engine, Registry, Workflow, WorkflowNode
from inhouse.errors import NodeInputError, PathEscapeError, ReceiptError
from inhouse.files import Folders
from inhouse.packs.publishing.nodes import NODES
from inhouse.storage.publishing import Publisher
from inhouse.storage.service_store import ServiceStore

PLAIN = {"name": "embed", "role": "live", "share": 0.05, "replicas": 1, "max_delay_ms": 2.0, "note": ""}


def run(services: dict[type[Any], Any], **inputs: Any) -> Any:
    with Engine(Registry(NODES), services=services) as engine:
        return engine.run(Workflow({"1": WorkflowNode("PublishService", {**PLAIN, **inputs})}))


@pytest.fixture
def services(tmp_path: Path) -> dict[type[Any], Any]:
    store = ServiceStore(tmp_path / "services")
    return {
        Publisher: Publisher(store, own=tmp_path / "key.pem"),
        Folders: Folders(tmp_path / "input", tmp_path, tmp_path / "temp"),
    }


def test_a_canvas_publishes_what_it_converted(services: dict[type[Any], Any], tmp_path: Path) -> None:
    artifact = Bench.at(tmp_path).artifact()
    first = run(services, artifact=str(artifact), name="embed")
    assert first.status == "success", first.failures
    assert first.outputs["1"]["text"] == ("embed version 1: live",)
    run(services, artifact="minilm", name="embed", role="canary", share=0.1, replicas=2, note="smaller")
    service = services[Publisher].store.read("embed")
    assert (service.live, service.canary, service.share) == (1, 2, 0.1)
    assert (service.versions[1].replicas, service.versions[1].note) == (2, "smaller")


def test_what_is_refused_is_said(services: dict[type[Any], Any], tmp_path: Path) -> None:
    artifact = Bench.at(tmp_path).artifact()
    (artifact / "more").write_text("x")
    failed = run(services, artifact="minilm", name="embed")
    assert isinstance(failed.failures[0].error, ReceiptError)
    outside = run(services, artifact="/etc", name="embed")
    assert isinstance(outside.failures[0].error, PathEscapeError)


def test_nothing_is_published_where_nothing_is_served(tmp_path: Path) -> None:
    folders = Folders(tmp_path, tmp_path, tmp_path)
    failed = run({Folders: folders}, artifact="x")
    assert isinstance(failed.failures[0].error, NodeInputError)
