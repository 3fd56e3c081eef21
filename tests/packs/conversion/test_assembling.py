"""From a verified draft to an artifact."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from tests.packs.conversion.models import as_openvino

from inhouse.errors import ConversionError, OutputError, PathEscapeError, ReceiptError
from inhouse.models.artifact import open_artifact, verify_artifact
from inhouse.models.receipt import Check
from inhouse.models.signing import Signer, Trust
from inhouse.packs.conversion.assembling import free_place, save
from inhouse.packs.conversion.model import Draft, Metric
from inhouse.packs.conversion.verifying import MIXED, verify


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return Signer.open(tmp_path_factory.mktemp("keys") / "key.pem")


@pytest.fixture(scope="module")
def verified(text_draft: Draft) -> Draft:
    return verify(text_draft, Metric("cosine", 0.01), batch=4)


def test_an_artifact_has_all_that_is_known_under_a_signature(verified: Draft, signer: Signer, tmp_path: Path) -> None:
    artifact, _ = save(verified, tmp_path / "it", signer, name="mine")
    receipt = verify_artifact(artifact.folder, Trust(frozenset({signer.public})))
    assert receipt.name == "mine"
    assert receipt.source["sha256"] == verified.source.sha256
    assert receipt.opset == 17
    assert receipt.budget["metric"] == "cosine"
    assert receipt.budget["max_drop"] == 0.001
    assert receipt.served_with["runtime"] == "onnxruntime"
    assert receipt.served_with["max_batch"] == 4
    assert len(receipt.checks) == len(verified.checks) > 10
    assert receipt.before.latency_ms > 0
    assert receipt.after.latency_ms > 0
    assert receipt.after.disk_mb > 0
    assert receipt.machine["cores"] == os.cpu_count()
    assert {"inhouse", "numpy", "onnxruntime"} <= set(receipt.tools)
    assert [record.name for record in receipt.passes] == ["verify"]


def test_it_can_be_opened_again_and_says_what_it_takes(verified: Draft, signer: Signer, tmp_path: Path) -> None:
    save(verified, tmp_path / "it", signer)
    artifact = open_artifact(tmp_path / "it")
    assert artifact.name == "texts"
    assert artifact.max_batch == 4
    assert [spec.name for spec in artifact.inputs] == ["ids", "attention_mask"]
    assert artifact.inputs[0].shape == ("batch", "tokens")
    assert artifact.model.is_file()
    assert [found.name for found in tmp_path.iterdir()] == ["it"]


def test_openvino_keeps_its_weights_beside_it(text_draft: Draft, signer: Signer, tmp_path: Path) -> None:
    draft = verify(as_openvino(text_draft), Metric("cosine", 0.01), batch=2)
    save(draft, tmp_path / "it", signer)
    assert {"model.xml", "model.bin"} <= {file.name for file in (tmp_path / "it").iterdir()}
    (tmp_path / "it" / "model.bin").write_bytes(b"other weights")
    with pytest.raises(ReceiptError, match=r"model\.bin"):
        verify_artifact(tmp_path / "it", Trust(frozenset({signer.public})))


def test_what_was_not_compared_is_not_written(
    text_draft: Draft, verified: Draft, signer: Signer, tmp_path: Path
) -> None:
    failed = replace(verified, checks=(replace(verified.checks[0], passed=False), *verified.checks[1:]))
    changed = replace(verified, passes=(*verified.passes, replace(verified.passes[0], name="quantise")))
    for draft in (text_draft, failed, changed):
        with pytest.raises(ConversionError, match="compared"):
            save(draft, tmp_path / "it", signer)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_written_over(verified: Draft, signer: Signer, tmp_path: Path) -> None:
    (tmp_path / "it").mkdir()
    with pytest.raises(OutputError, match="there already"):
        save(verified, tmp_path / "it", signer)
    assert free_place(tmp_path, "it") == tmp_path / "it-2"
    with pytest.raises(PathEscapeError):
        free_place(tmp_path, "../it")


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_full_disk_or_an_interruption_leaves_nothing(
    verified: Draft, signer: Signer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr(shutil, "copyfile", refuse)
    with pytest.raises(OutputError if isinstance(error, OSError) else KeyboardInterrupt):
        save(verified, tmp_path / "it", signer)
    assert list(tmp_path.iterdir()) == []


def test_rows_that_look_at_each_other_are_asked_one_at_a_time(verified: Draft, signer: Signer, tmp_path: Path) -> None:
    mixing = Check(MIXED, "1 - cosine, worst", 0.3, 0.01, passed=True, informative=True)
    draft = replace(verified, checks=(*verified.checks, mixing))
    assert save(draft, tmp_path / "it", signer)[0].max_batch == 1
