"""Pictures and masks: load, save, scale, cut, filter, composite."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inhouse.plugins import hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterable

    from inhouse.engine.node import NodeSpec


@hookimpl
def register_nodes() -> Iterable[NodeSpec]:
    """Return the nodes of the pack."""
    from inhouse.packs.image.nodes import (
        batches,
        colors,
        compositing,
        filters,
        geometry,
        loading,
        masks,
        saving,
        scaling,
    )

    modules = (loading, saving, scaling, geometry, batches, colors, filters, compositing, masks)
    return [spec for module in modules for spec in module.NODES]
