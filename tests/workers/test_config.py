"""What a worker is to be crosses to its process."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from inhouse.workers.config import WorkerConfig
from inhouse.workers.session import Places


def test_paths_arrive_absolute_whatever_the_process_calls_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    data = json.loads(json.dumps(WorkerConfig(Places(custom_nodes=Path("nodes")), Path("state"), grace=1).as_dict()))
    places = Places(tmp_path / "models", tmp_path / "input", tmp_path / "output", tmp_path / "nodes")
    assert WorkerConfig.from_dict(data) == WorkerConfig(places, tmp_path / "state", grace=1)


def test_no_custom_nodes_stay_none() -> None:
    data = WorkerConfig(Places(), Path("state")).as_dict()
    assert WorkerConfig.from_dict(data).places.custom_nodes is None
