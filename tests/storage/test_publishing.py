from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.published import EMBEDDINGS, TEXTS, Bench

from inhouse.errors import (
    ModelNotFoundError,
    PublishError,
    ReceiptError,
    ServiceConflictError,
    ServiceNotFoundError,
)
from inhouse.models.signature import Field, TensorSpec
from inhouse.storage.publishing import (
    Routing,
    fields_of,
    incompatibilities,
    publish_artifact,
    publish_remote,
    publish_workflow,
)
from inhouse.storage.service_store import ServiceStore
from inhouse.storage.services import Version

ARTIFACT = Version(0, "artifact")


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench.at(tmp_path)


@pytest.fixture
def store(tmp_path: Path) -> ServiceStore:
    return ServiceStore(tmp_path / "services")


def test_an_artifact_is_copied_whole(store: ServiceStore, bench: Bench) -> None:
    artifact = bench.artifact(files={"assets/tokenizer.json": b"{}"})
    published = publish_artifact(store, "minilm", artifact, bench.trust, ARTIFACT)
    assert (published.number, published.service.live, published.notes) == (1, 1, ())
    assert (store.folder("minilm", 1) / "assets" / "tokenizer.json").read_bytes() == b"{}"
    assert fields_of(store, "minilm", published.service.versions[0]) == ((TEXTS,), (EMBEDDINGS,))


def tamper_receipt(folder: Path) -> None:
    document = json.loads((folder / "receipt.json").read_text())
    document["receipt"]["precision"] = "int8"
    (folder / "receipt.json").write_text(json.dumps(document))


def swap_model(folder: Path) -> None:
    (folder / "model.onnx").write_bytes(b"another")


def add_file(folder: Path) -> None:
    (folder / "hook.py").write_text("print()")


def unsign(folder: Path) -> None:
    document = json.loads((folder / "receipt.json").read_text())
    (folder / "receipt.json").write_text(json.dumps({**document, "signature": {}}))


def lose_receipt(folder: Path) -> None:
    (folder / "receipt.json").unlink()


def link(folder: Path) -> None:
    (folder / "model.onnx").unlink()
    (folder / "model.onnx").symlink_to("/etc/hostname")


def pipe(folder: Path) -> None:
    os.mkfifo(folder / "pipe")


@pytest.mark.parametrize(
    ("tamper", "said"),
    [
        (tamper_receipt, "changed after it was signed"),
        (swap_model, "model.onnx is not the file that was verified"),
        (add_file, "files that its receipt does not know: hook.py"),
        (unsign, "signature"),
        (lose_receipt, "no receipt"),
        (link, "model.onnx, which is no file"),
        (pipe, "pipe, which is no file"),
    ],
)
def test_what_is_not_as_its_receipt_says_is_refused(
    store: ServiceStore, bench: Bench, tamper: Callable[[Path], None], said: str
) -> None:
    artifact = bench.artifact()
    tamper(artifact)
    with pytest.raises(ReceiptError, match=said):
        publish_artifact(store, "minilm", artifact, bench.trust, ARTIFACT)
    assert store.names() == []


def test_what_a_stranger_signed_is_refused(store: ServiceStore, bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "stranger").mkdir()
    artifact = Bench.at(tmp_path / "stranger").artifact()
    with pytest.raises(ReceiptError, match="whom nobody here trusts"):
        publish_artifact(store, "minilm", artifact, bench.trust, ARTIFACT)


CLASSES: dict[str, Any] = {
    "task": "image-classification",
    "fields_in": (Field("images", "image"),),
    "fields_out": (Field("labels", "labels"),),
    "outputs": (TensorSpec("logits", "float32", ("batch", 3)),),
}


def test_a_classifier_without_its_labels_is_refused(store: ServiceStore, bench: Bench) -> None:
    with pytest.raises(PublishError, match=r"no labels\.txt"):
        publish_artifact(store, "x", bench.artifact(**CLASSES), bench.trust, ARTIFACT)
    other = bench.artifact("two", files={"labels.txt": b"cat\ndog\n"}, **CLASSES)
    with pytest.raises(PublishError, match="has 2 names, and the model has 3 classes"):
        publish_artifact(store, "x", other, bench.trust, ARTIFACT)
    right = bench.artifact("three", files={"labels.txt": b"cat\ndog\ncow\n"}, **CLASSES)
    assert publish_artifact(store, "x", right, bench.trust, ARTIFACT).number == 1


def test_a_folder_that_is_no_artifact_is_refused(store: ServiceStore, bench: Bench) -> None:
    with pytest.raises(ModelNotFoundError, match="no converted model"):
        publish_artifact(store, "minilm", bench.folder, bench.trust, ARTIFACT)


def test_callers_of_the_version_before_are_thought_of(store: ServiceStore, bench: Bench) -> None:
    publish_artifact(store, "minilm", bench.artifact(), bench.trust, ARTIFACT)
    other = bench.artifact("other", fields_in=(Field("sentences", "text"),))
    notes = publish_artifact(store, "minilm", other, bench.trust, ARTIFACT).notes
    assert notes == ("Input 'texts' is gone.", "Input 'sentences' is new and required.")


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (Field("x", "text"), Field("x", "text", rows=False), "was text, a list of rows and is text, one value"),
        (Field("x", "text", required=False), Field("x", "text"), "is required now"),
        (Field("x", "choice", choices=("a", "b")), Field("x", "choice", choices=("a",)), "no longer has b"),
        (
            Field("x", "tensor", dtype="float32", shape=(3,)),
            Field("x", "tensor", dtype="float32", shape=(4,)),
            "was float32 [3] and is float32 [4]",
        ),
    ],
)
def test_what_callers_stumble_over_is_told(before: Field, after: Field, said: str) -> None:
    (told,) = incompatibilities([before], [after])
    assert said in told


def test_a_version_may_begin_as_a_canary_or_a_shadow(store: ServiceStore, bench: Bench) -> None:
    artifact = bench.artifact()
    publish_artifact(store, "minilm", artifact, bench.trust, ARTIFACT)
    service = publish_artifact(store, "minilm", artifact, bench.trust, ARTIFACT, Routing("canary", 0.05)).service
    assert (service.live, service.canary, service.share) == (1, 2, 0.05)
    service = publish_artifact(store, "minilm", artifact, bench.trust, ARTIFACT, Routing("shadow")).service
    assert (service.live, service.canary, service.shadow) == (1, 2, 3)
    with pytest.raises(ServiceConflictError, match="no other live version"):
        Routing("canary").apply(service, 1)
    with pytest.raises(PublishError, match="share"):
        Routing("canary", 1.5).apply(service, 3)


def test_workflows_and_endpoints_elsewhere_are_published_too(store: ServiceStore) -> None:
    with pytest.raises(PublishError, match="gives nothing"):
        publish_workflow(store, "cat", {}, Version(0, "workflow"))
    publish_workflow(store, "cat", {"1": {}}, Version(0, "workflow", fields_out=(Field("image", "image"),)))
    assert json.loads((store.folder("cat", 1) / "workflow.json").read_text()) == {"1": {}}
    with pytest.raises(PublishError, match="no address"):
        publish_remote(store, "cat", Version(0, "remote", url="file:///etc/passwd"))
    assert publish_remote(store, "cat", Version(0, "remote", url="https://x.example/")).notes == (
        "Output 'image' is gone.",
    )


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ftp://a/", "no address"),
        ("http://", "no address"),
        ("http://[::", "no address"),
        ("http://a:99999/", "no address"),
        ("http://a\r\nX: y/", "no address"),
        ("http://\0", "no address"),
        ("http://" + "a" * 5000, "no address"),
        ("http://user:secret@a/", "would be stored"),
    ],
)
def test_an_address_that_nothing_can_be_asked_at_is_refused(store: ServiceStore, url: str, said: str) -> None:
    with pytest.raises(PublishError, match=said) as told:
        publish_remote(store, "cat", Version(0, "remote", url=url))
    assert "secret" not in str(told.value)
    assert store.names() == []


def test_a_name_that_is_an_address_of_ours_is_refused(store: ServiceStore) -> None:
    with pytest.raises(ServiceNotFoundError, match=r"openapi\.json"):
        publish_remote(store, "openapi.json", Version(0, "remote", url="https://a/"))
