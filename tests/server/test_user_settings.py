from __future__ import annotations

import threading
from pathlib import Path

import pytest

from inhouse.errors import OutputError
from inhouse.server.user_folders import UserFolders
from inhouse.server.user_settings import UserSettings


@pytest.fixture
def settings(tmp_path: Path) -> UserSettings:
    return UserSettings(UserFolders(*(tmp_path / name for name in ("input", "output", "temp", "state"))))


def test_changes_that_come_at_once_are_all_kept(settings: UserSettings) -> None:
    threads = [threading.Thread(target=settings.change, args=("ann", {str(number): number})) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert settings.of("ann") == {str(number): number for number in range(16)}


def test_a_full_disk_loses_nothing(settings: UserSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.change("ann", {"a": 1})

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OutputError):
        settings.change("ann", {"a": 2})
    assert settings.of("ann") == {"a": 1}
