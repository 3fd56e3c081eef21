"""Conversion: from a model as it was trained to an artifact that runs several times faster and answers the same."""

from __future__ import annotations

from collections.abc import Iterable

from inhouse.engine.node import NodeSpec
from inhouse.plugins import hookimpl


@hookimpl
def register_nodes() -> Iterable[NodeSpec]:
    """Return the pack's nodes."""
    from inhouse.packs.conversion.nodes import sources

    return [*sources.NODES]
