# mypy: ignore-errors
# ruff: noqa: TID252 - written as packs of third parties are
from .nodes import NODE_CLASS_MAPPINGS

WEB_DIRECTORY = "./web"
__all__ = ["NODE_CLASS_MAPPINGS", "WEB_DIRECTORY"]
