from __future__ import annotations

from pathlib import Path

import pytest

from inhouse.cli.configured import configured
from inhouse.errors import UsageError


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_what_was_given_goes_before_the_environment_and_that_before_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("inhouse.toml").write_text('[server]\nport = 1\nhost = "::1"\nmax_upload_mb = 7\n')
    monkeypatch.setenv("INHOUSE_SERVER__PORT", "2")
    monkeypatch.setenv("INHOUSE_SERVER__HOST", "127.0.0.2")
    server = configured({"server": {"port": 3, "host": None}}).server
    assert (server.port, server.host, server.max_upload_mb) == (3, "127.0.0.2", 7)


def test_a_value_that_does_not_fit_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INHOUSE_SERVER__PORT", "many")
    with pytest.raises(UsageError, match=r"Setting server\.port: .*integer"):
        configured()


def test_a_file_that_is_no_toml_is_named() -> None:
    Path("inhouse.toml").write_text("port: 1\n")
    with pytest.raises(UsageError, match=r"inhouse\.toml cannot be read: .*line 1"):
        configured()
