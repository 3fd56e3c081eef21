from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.packs.benchmark.conftest import Clock, Scripted

from inhouse.errors import FileError, OutputError
from inhouse.packs.benchmark.model import Load, Report
from inhouse.packs.benchmark.rounds import Bench
from inhouse.packs.benchmark.writing import markdown, read, write


@pytest.fixture
def report(bench: Callable[..., Bench], clock: Clock) -> Report:
    first = Scripted("/home/me/first <model>", clock, lambda _: 0.1)
    second = Scripted("second", clock, lambda n: 0.05 + 0.001 * (n % 3))
    bad = Scripted("bad", clock, lambda _: 0.1)
    bad.failing = lambda _: True
    found = bench(first, second, bad, loads=(Load(1), Load(8), Load(1, 4))).run()
    found.roof = {"flops": {"fp32": 2e11, "bf16": 1e12}, "by": {"fp32": "numpy"}, "bandwidth": 2e10}
    found.variants[0].cost = {"batches": {"1": {"flops": 1e9, "bytes": 1e8}}}
    return found


def test_a_report_is_read_as_it_was_written(report: Report, tmp_path: Path) -> None:
    write(report, tmp_path / "report.json")
    again = read(tmp_path / "report.json")
    assert again.cells == report.cells
    assert again.variants[0].target == "first <model>"
    assert "/home/me" not in json.dumps([one["target"] for one in report.as_dict()["variants"]])


@pytest.mark.parametrize(("language", "heading"), [("en", "Figures"), ("zh", "指标")])
def test_a_page_needs_nothing_from_elsewhere(report: Report, tmp_path: Path, language: str, heading: str) -> None:
    write(report, tmp_path / "report.html", language)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert f"<h2>{heading}</h2>" in page
    assert page.count("data:image/svg+xml;base64,") == 5
    assert "first &lt;model&gt;" in page
    assert "<model>" not in page
    assert "<script" not in page
    assert re.findall(r'(?:src|href)="(?!data:)', page) == []
    assert "500 (3)" in page


def test_markdown_has_a_table_and_what_compares(report: Report) -> None:
    text = markdown(report)
    assert "| variant | load | p50 ms |" in text
    assert "- second is 1.9" in text
    assert "every call failed: 500 (3)." in text
    assert "J/row" not in text  # nothing to say


@pytest.mark.parametrize("name", ["report.pdf", "report"])
def test_a_format_that_there_is_not_is_refused(report: Report, tmp_path: Path, name: str) -> None:
    with pytest.raises(OutputError, match=r"End it in \.json, \.md, \.html"):
        write(report, tmp_path / name)


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{}", b'{"schema": 1}', b'{"schema": 9, "cells": []}', b'{"schema": 1, "cells": 5}', b"\xff"],
)
def test_what_is_no_report_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "report.json").write_bytes(content)
    with pytest.raises(FileError, match="report"):
        read(tmp_path / "report.json")
    with pytest.raises(FileError, match="report"):
        read(tmp_path / "gone.json")
