"""Publishing: a model or a workflow becomes a service."""

from __future__ import annotations

from collections.abc import Iterable

from inhouse.engine.node import NodeSpec
from inhouse.plugins import hookimpl


@hookimpl
def register_nodes() -> Iterable[NodeSpec]:
    """Return the pack's nodes."""
    return []
