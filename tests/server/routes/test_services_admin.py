"""Publishing to a gateway that runs, with replicas that are processes."""

from __future__ import annotations

import io
import os
import shutil
import signal
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.gateway import Answer, Gateway, eventually
from tests.published import Bench, vectors

from inhouse.server.token_file import new_token

CALL = {"inputs": {"vectors": [[3.0, 0.0, 4.0]]}}


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench.at(tmp_path_factory.mktemp("bench"))


@pytest.fixture(scope="module")
def artifact(bench: Bench) -> Path:
    return vectors(bench)


@pytest.fixture(scope="module")
def ann(tmp_path_factory: pytest.TempPathFactory, bench: Bench) -> Iterator[Gateway]:
    """Return a gateway as somebody sees it who is no admin; ``root`` is the admin's token."""
    folder = tmp_path_factory.mktemp("gateway")
    tokens = folder / "tokens.toml"
    settings = {
        "INHOUSE_SERVICES__SIGNING_KEY": str(bench.folder / "key.pem"),
        "INHOUSE_WORKERS__COUNT": "0",
        "OMP_NUM_THREADS": "1",
    }
    token = new_token(tokens, "ann")
    (folder / "root").write_text(new_token(tokens, "root", admin=True))
    with Gateway(folder, "--tokens", tokens, token=token, settings=settings, workers_ready=False) as running:
        yield running


@pytest.fixture
def admin(ann: Gateway) -> Iterator[Gateway]:
    root = ann.by((ann.folder / "root").read_text())
    yield root
    for service in root.ask("GET", "/services").json["services"]:
        root.ask("DELETE", f"/services/{service['name']}")


def publish(gateway: Gateway, artifact: Path, **options: Any) -> Answer:
    answer = gateway.ask("POST", "/services/unit/versions", {"artifact": str(artifact), **options})
    assert answer.status == 201, answer.body
    return answer


def test_a_version_answers_as_soon_as_it_is_published(admin: Gateway, ann: Gateway, artifact: Path) -> None:
    assert publish(admin, artifact, note="first").json["live"] == 1
    answer = ann.ask("POST", "/services/unit", CALL)
    assert answer.status == 200, answer.body
    assert answer.json["outputs"]["unit"][0] == pytest.approx([0.6, 0.0, 0.8])
    assert answer.json["version"] == 1


def test_an_artifact_that_is_sent_is_published_too(admin: Gateway, ann: Gateway, artifact: Path) -> None:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        archive.add(artifact, arcname="some-folder")
    kind = {"content-type": "application/gzip"}
    answer = admin.ask("POST", "/services/unit/versions?note=sent", file.getvalue(), headers=kind)
    assert (answer.status, answer.json["live"]) == (201, 1)
    assert ann.ask("POST", "/services/unit", CALL).status == 200


def test_only_admins_change_what_is_published(admin: Gateway, ann: Gateway, artifact: Path) -> None:
    publish(admin, artifact)
    for method, path in [
        ("POST", "/versions"),
        ("POST", "/routing"),
        ("POST", "/rollback"),
        ("POST", "/versions/1/load"),
        ("POST", "/versions/1/unload"),
        ("DELETE", "/versions/1"),
        ("DELETE", ""),
    ]:
        assert ann.ask(method, f"/services/unit{path}", {}).status == 403
    assert ann.ask("POST", "/services/unit", CALL).status == 200


def test_what_is_refused_is_said_and_changes_nothing(admin: Gateway, bench: Bench, artifact: Path) -> None:
    publish(admin, artifact)
    swapped = vectors(bench, "swapped")
    (swapped / "model.onnx").write_bytes(b"another")
    refused = admin.ask("POST", "/services/unit/versions", {"artifact": str(swapped)})
    assert refused.status == 422
    assert refused.json["error"]["type"] == "receipt_invalid"
    assert "model.onnx is not the file that was verified" in refused.json["error"]["message"]
    assert admin.ask("POST", "/services/unit", CALL).json["version"] == 1


def test_a_version_that_cannot_be_loaded_leaves_the_one_before(admin: Gateway, bench: Bench, artifact: Path) -> None:
    publish(admin, artifact)
    broken = vectors(bench, "broken", pipeline={"1": {"class_type": "NoSuchNode", "inputs": {}}})
    refused = admin.ask("POST", "/services/unit/versions", {"artifact": str(broken)})
    assert (refused.status, refused.json["error"]["type"]) == (422, "publish_refused")
    assert "NoSuchNode" in refused.json["error"]["message"]
    assert str(admin.folder) not in refused.body.decode()
    assert [item["number"] for item in admin.ask("GET", "/services/unit").json["versions"]] == [1]
    assert admin.ask("POST", "/services/unit", CALL).json["version"] == 1


def test_switching_and_rolling_back_under_load_fails_no_call(admin: Gateway, ann: Gateway, artifact: Path) -> None:
    publish(admin, artifact)
    publish(admin, artifact, role="idle")
    stop, statuses, versions = threading.Event(), set(), set()

    def load() -> None:
        while not stop.is_set():
            answer = ann.ask("POST", "/services/unit", CALL)
            statuses.add(answer.status)
            versions.add(answer.json.get("version"))

    callers = [threading.Thread(target=load) for _ in range(4)]
    for caller in callers:
        caller.start()
    try:
        assert admin.ask("POST", "/services/unit/routing", {"canary": 2, "share": 0.5}).json["canary"] == 2
        eventually(lambda: versions == {1, 2})
        assert admin.ask("POST", "/services/unit/routing", {"live": 2}).json["live"] == 2
        assert ann.ask("POST", "/services/unit", CALL).json["version"] == 2
        assert admin.ask("POST", "/services/unit/rollback").json["live"] == 1
        assert ann.ask("POST", "/services/unit", CALL).json["version"] == 1
    finally:
        stop.set()
        for caller in callers:
            caller.join()
    assert statuses == {200}


def test_a_killed_replica_costs_no_call_and_is_back_soon(admin: Gateway, ann: Gateway, artifact: Path) -> None:
    publish(admin, artifact)
    (pid,) = admin.ask("GET", "/services/unit").json["versions"][0]["stats"]["replicas"]
    stop, statuses = threading.Event(), []

    def load() -> None:
        while not stop.is_set():
            statuses.append(ann.ask("POST", "/services/unit", CALL).status)

    callers = [threading.Thread(target=load) for _ in range(4)]
    for caller in callers:
        caller.start()
    try:
        eventually(lambda: len(statuses) > 20)
        os.kill(pid, signal.SIGKILL)
        stats = eventually(
            lambda: (
                (found := admin.ask("GET", "/services/unit").json["versions"][0]["stats"])["restarts"] == 1
                and found["replicas"] not in ([], [pid])
                and found
            )
        )
    finally:
        stop.set()
        for caller in callers:
            caller.join()
    assert set(statuses) == {200}
    assert stats["problem"] == ""


def test_versions_are_unloaded_loaded_and_removed(admin: Gateway, ann: Gateway, artifact: Path) -> None:
    publish(admin, artifact)
    publish(admin, artifact)
    assert admin.ask("POST", "/services/unit/versions/2/unload").json["state"] == "unloaded"
    assert ann.ask("POST", "/services/unit", CALL).json["version"] == 2
    assert admin.ask("POST", "/services/unit/versions/1/load").json["state"] == "ready"
    refused = admin.ask("DELETE", "/services/unit/versions/2")
    assert (refused.status, refused.json["error"]["type"]) == (409, "service_conflict")
    assert admin.ask("DELETE", "/services/unit/versions/1").status == 200
    assert admin.ask("POST", "/services/unit/rollback").status == 409
    assert admin.ask("DELETE", "/services/unit").status == 200
    assert ann.ask("POST", "/services/unit", CALL).status == 404


def test_a_workflow_becomes_a_service(admin: Gateway) -> None:
    flow = {
        "1": {"class_type": "PrimitiveInt", "inputs": {"value": 1}},
        "2": {"class_type": "PreviewAny", "inputs": {"source": ["1", 0]}},
    }
    body = {"workflow": flow, "expose": ["1.value=number"], "outputs": ["2=text"]}
    assert admin.ask("POST", "/services/count/versions", body).status == 201
    found = admin.ask("GET", "/services/count").json
    assert [(field["name"], field["kind"], field["default"]) for field in found["inputs"]] == [("number", "integer", 1)]


def test_a_canvas_publishes_and_the_gateway_notices(admin: Gateway, ann: Gateway, artifact: Path) -> None:
    shutil.copytree(artifact, admin.folder / "output" / "root" / "made", dirs_exist_ok=True)
    plain = {"role": "live", "share": 0.05, "replicas": 1, "max_delay_ms": 2.0, "note": "from a canvas"}
    flow = {"1": {"class_type": "PublishService", "inputs": {"artifact": "made", "name": "unit", **plain}}}
    assert ann.ask("POST", "/prompt", {"prompt": flow}).status == 403
    assert admin.over(admin.submit(flow)) == "completed"
    answer = eventually(lambda: (found := ann.ask("POST", "/services/unit", CALL)).status == 200 and found)
    assert answer.json["version"] == 1


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "Publish one thing"),
        ({"artifact": "x", "url": "http://x"}, "Publish one thing"),
        ({"artifact": "x", "replicas": 0}, "replicas"),
        ({"artifact": "x", "surprise": 1}, "surprise"),
        ({"url": "ftp://x"}, "no address"),
    ],
)
def test_what_makes_no_sense_is_refused(admin: Gateway, body: dict[str, Any], said: str) -> None:
    answer = admin.ask("POST", "/services/x/versions", body)
    assert answer.status in (400, 422)
    assert said in answer.json["error"]["message"]
