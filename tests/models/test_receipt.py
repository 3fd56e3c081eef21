from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from inhouse.errors import ReceiptError
from inhouse.models.receipt import Check, Cost, PassRecord, Receipt, read_receipt
from inhouse.models.signing import Signer, Trust

RECEIPT = Receipt(
    name="minilm",
    created="2026-11-24T12:00:00+00:00",
    source={"name": "all-MiniLM-L6-v2", "format": "transformers", "sha256": "ab"},
    files={"model.onnx": "cd"},
    format="onnx",
    precision="int8",
    opset=17,
    passes=(PassRecord("export", {"opset": 17}, 1.5, ("axes batch and tokens are free",)),),
    reverted=("encoder.layer.0.attention",),
    budget={"metric": "cosine", "max_drop": 0.005},
    checks=(Check("realistic", "cosine", 0.998, 0.995, passed=True),),
    before=Cost(11.9, 320, 91),
    after=Cost(1.7, 120, 23),
)


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    return Signer.open(tmp_path / "key.pem")


@pytest.fixture
def trust(signer: Signer) -> Trust:
    return Trust(frozenset({signer.public}))


@pytest.fixture
def path(tmp_path: Path, signer: Signer) -> Path:
    place = tmp_path / "receipt.json"
    place.write_bytes(RECEIPT.sealed(signer))
    return place


def test_a_receipt_survives_its_file(path: Path, trust: Trust) -> None:
    assert read_receipt(path, trust) == RECEIPT


def test_another_layout_of_the_same_json_is_the_same_receipt(path: Path, trust: Trust) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()), sort_keys=True))
    assert read_receipt(path, trust) == RECEIPT


def _better(receipt: dict[str, Any]) -> None:
    receipt["checks"][0]["value"] = 1.0


def _another_model(receipt: dict[str, Any]) -> None:
    receipt["files"]["model.onnx"] = "ef"


def _one_more(receipt: dict[str, Any]) -> None:
    receipt["note"] = "trust me"


@pytest.mark.parametrize("tamper", [_better, _another_model, _one_more])
def test_any_change_is_noticed(path: Path, trust: Trust, tamper: Any) -> None:
    document = json.loads(path.read_text())
    tamper(document["receipt"])
    path.write_text(json.dumps(document))
    with pytest.raises(ReceiptError, match="changed after it was signed"):
        read_receipt(path, trust)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"receipt": {}}', "\x00"])
def test_what_is_no_receipt_is_refused(path: Path, trust: Trust, content: str) -> None:
    path.write_text(content)
    with pytest.raises(ReceiptError):
        read_receipt(path, trust)


def test_a_missing_receipt_says_how_to_get_one(tmp_path: Path, trust: Trust) -> None:
    with pytest.raises(ReceiptError, match="inhouse convert"):
        read_receipt(tmp_path / "none.json", trust)


def test_a_receipt_of_another_version_is_refused() -> None:
    with pytest.raises(ReceiptError, match="another version"):
        Receipt.from_dict({**RECEIPT.as_dict(), "schema": 99})
