"""Benchmark: how fast, how large and how faithful a model, a workflow or a service is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inhouse.plugins import hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterable

    from inhouse.engine.node import NodeSpec


@hookimpl
def register_nodes() -> Iterable[NodeSpec]:
    """Return the nodes of the pack."""
    from inhouse.packs.benchmark.nodes import NODES

    return NODES
