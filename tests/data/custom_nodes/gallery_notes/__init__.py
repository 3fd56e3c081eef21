# mypy: ignore-errors
# ruff: noqa: F401, TID252 - written as packs of third parties are
"""Notes on pictures: nodes, a panel for the canvas, and routes that the panel asks."""

from . import routes
from .nodes import NODE_CLASS_MAPPINGS, NODE_DISPLAY_NAME_MAPPINGS

WEB_DIRECTORY = "./web"

__all__ = ["NODE_CLASS_MAPPINGS", "NODE_DISPLAY_NAME_MAPPINGS", "WEB_DIRECTORY"]
