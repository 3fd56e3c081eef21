"""Conversion: from a model as it was trained to an artifact that runs several times faster and answers the same."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from inhouse.engine.node import NodeSpec
from inhouse.plugins import hookimpl

NODE_MODULES = ("sources", "speed", "proof", "chats")
"""Modules of ``nodes``; each has its nodes in ``NODES``."""


@hookimpl
def register_nodes() -> Iterable[NodeSpec]:
    """Return the pack's nodes."""
    from importlib import import_module

    modules = (import_module(f"{__name__}.nodes.{name}") for name in NODE_MODULES)
    return [spec for module in modules for spec in module.NODES]


@hookimpl
def register_templates() -> Path:
    """Return the folder of ready-made workflows of conversion."""
    return Path(__file__).parent / "templates"
