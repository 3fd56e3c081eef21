"""Publishing: a model or a workflow becomes a service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inhouse.plugins import hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterable

    from inhouse.engine.node import NodeSpec


@hookimpl
def register_nodes() -> Iterable[NodeSpec]:
    """Return the pack's nodes."""
    from inhouse.packs.publishing.nodes import NODES

    return NODES
