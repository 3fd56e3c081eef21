from __future__ import annotations

from pathlib import Path

import pytest

from inhouse.cli.service_options import open_desk, share_of
from inhouse.errors import FileError, UsageError


@pytest.mark.parametrize(("text", "share"), [("5%", 0.05), ("0.25", 0.25), ("100%", 1.0), ("1", 1.0)])
def test_shares_are_percents_or_fractions(text: str, share: float) -> None:
    assert share_of(text) == pytest.approx(share)


@pytest.mark.parametrize("text", ["0", "-1", "101%", "5", "nan", "x", "%"])
def test_what_is_no_share_is_said(text: str) -> None:
    with pytest.raises(UsageError, match="no share"):
        share_of(text)


def test_a_token_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="token"):
        open_desk("http://127.0.0.1:1", tmp_path / "none", None)
