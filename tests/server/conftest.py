"""What tests of the server share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.gateway import PROBES, Gateway


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory, tiny_models: Path) -> Iterator[Gateway]:
    """Return a gateway of one person with the probes, the same for all tests; each leaves it idle."""
    packs = tmp_path_factory.mktemp("packs")
    (packs / "wire_probe").symlink_to(PROBES / "wire_probe")
    checkpoints = tmp_path_factory.mktemp("models") / "checkpoints"
    checkpoints.mkdir()
    (checkpoints / "tiny_sd15.safetensors").symlink_to(tiny_models / "checkpoints" / "tiny.safetensors")
    folder = tmp_path_factory.mktemp("gateway")
    with Gateway(folder, "--custom-nodes", packs, "--models", checkpoints.parent) as running:
        yield running
