import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from inhouse import Registry
from inhouse.compat.object_info import spec_from_object_info

ENTRIES: dict[str, Any] = json.loads(
    gzip.decompress((Path(__file__).parents[1] / "data" / "object_info.json.gz").read_bytes())
)


@pytest.fixture(scope="session")
def entries() -> dict[str, Any]:
    """Return what a ComfyUI answers for its own nodes."""
    return ENTRIES


@pytest.fixture(scope="session")
def registry() -> Registry:
    """Return a registry of all of these nodes, by their descriptions only."""
    return Registry([spec_from_object_info(node_id, entry) for node_id, entry in ENTRIES.items()])


@pytest.fixture(scope="session")
def pair() -> Callable[[str], dict[str, Any]]:
    """Return a reader of pairs: a canvas, and what ComfyUI's frontend made of it."""

    def read(name: str) -> dict[str, Any]:
        text = (Path(__file__).parent / "data" / "canvas" / f"{name}.json").read_text(encoding="utf-8")
        found: dict[str, Any] = json.loads(text)
        return found

    return read
