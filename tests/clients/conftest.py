"""What tests of other people's clients share: a gateway with the model in the box, and their packages."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.gateway import Gateway

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with Gateway(tmp_path_factory.mktemp("clients")) as running:
        yield running


@pytest.fixture(scope="session")
def npm_packages() -> Path:
    """Return where the clients that npm has are installed, as the lock file beside this one says; once, then kept."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed.")
    installed, lock = HERE / "node_modules" / ".package-lock.json", HERE / "package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        subprocess.run([npm, "ci", "--ignore-scripts"], cwd=HERE, check=True, capture_output=True)
    return HERE


@pytest.fixture
def workflow(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Return a workflow that nobody has run yet, so that it has steps to tell of."""
    document: dict[str, Any] = json.loads((HERE / "workflow.json").read_text())
    document["2"]["inputs"]["text"] = f"a blue fish ({request.node.name})"
    return document
