"""Text: join, cut, compare, search and replace, show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inhouse.plugins import hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterable

    from inhouse.engine.node import NodeSpec


@hookimpl
def register_nodes() -> Iterable[NodeSpec]:
    """Return the nodes of the pack."""
    from inhouse.packs.text.nodes import NODES

    return NODES
