"""Benchmark: how fast, how large and how faithful a model, a workflow or a service is."""

from __future__ import annotations

from collections.abc import Iterable

from inhouse.engine.node import NodeSpec
from inhouse.plugins import hookimpl


@hookimpl
def register_nodes() -> Iterable[NodeSpec]:
    """Return the pack's nodes."""
    return []
