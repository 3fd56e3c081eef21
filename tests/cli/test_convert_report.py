"""The report of a conversion."""

from pathlib import Path

import pytest

from inhouse.cli.convert_report import ConvertReport, speedup
from inhouse.cli.voice import Voice
from inhouse.errors import AccuracyError
from inhouse.models.receipt import NAME, Check, Cost, PassRecord, Receipt
from inhouse.models.signing import Signer

GOOD = Check("realistic", "1 - cosine, mean", 0.001, 0.01, passed=True)
BAD = Check("batch 7", "1 - cosine, worst", 0.5, 0.05, passed=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    receipt = Receipt(
        name="it",
        created="2026-01-01T00:00:00+00:00",
        source={},
        files={},
        format="onnx",
        precision="int8",
        passes=(PassRecord("quantise", {}, 1.5, ("two layers taken back",)),),
        reverted=("first", "second"),
        checks=(GOOD,),
        before=Cost(10.0, 90.0, 90.0),
        after=Cost(2.5, 100.0, 23.0),
    )
    (tmp_path / NAME).write_bytes(receipt.sealed(Signer.open(tmp_path / "key.pem")))
    return tmp_path


def test_it_says_what_was_done_gained_and_taken_back(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ConvertReport("success", [], folder).print_to(Voice(as_json=False))
    told = capsys.readouterr()
    assert told.out == f"{folder}\n"
    for said in ("two layers taken back", "first, second", "4.0 x less", "1.1 x more", "3.9 x less", "realistic"):
        assert said in told.err


def test_programs_get_the_whole_receipt(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import json

    ConvertReport("success", [], folder).print_to(Voice(as_json=True))
    data = json.loads(capsys.readouterr().out)
    assert data["speedup"] == 4.0
    assert data["receipt"]["reverted"] == ["first", "second"]


def test_of_a_failure_it_shows_what_failed(capsys: pytest.CaptureFixture[str]) -> None:
    error = AccuracyError("It answers differently.", layer="second", checks=[GOOD, BAD])
    ConvertReport("error", [error], None).print_to(Voice(as_json=False))
    told = capsys.readouterr()
    assert told.out == ""
    assert "batch 7" in told.err
    assert "realistic" not in told.err
    assert "Nothing was written." in told.err


def test_what_was_not_measured_is_no_gain() -> None:
    assert speedup(Receipt("x", "", {}, {}, "onnx", "fp32")) == 0
