from pathlib import Path

from tests.siege import besiege


def test_kills_lose_no_run_and_show_none_twice(tmp_path: Path) -> None:
    assert besiege(tmp_path, kills=5, seed=1) >= 5
