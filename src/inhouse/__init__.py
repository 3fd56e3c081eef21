"""Inhouse: the last mile of private AI. This module is the whole public API for authors of nodes."""

from inhouse.engine.context import Context
from inhouse.engine.engine import Engine
from inhouse.engine.markers import Catch, Choices, Lazy, Output, Range, Widget, Wire
from inhouse.engine.node import Blocker, NodeSpec, Result, node
from inhouse.engine.registry import Registry
from inhouse.engine.task import Failure
from inhouse.engine.workflow import Link, Workflow, WorkflowNode
from inhouse.errors import InhouseError
from inhouse.plugins import hookimpl
from inhouse.wires import Image, Latent, Mask

__all__ = [
    "Blocker",
    "Catch",
    "Choices",
    "Context",
    "Engine",
    "Failure",
    "Image",
    "InhouseError",
    "Latent",
    "Lazy",
    "Link",
    "Mask",
    "NodeSpec",
    "Output",
    "Range",
    "Registry",
    "Result",
    "Widget",
    "Wire",
    "Workflow",
    "WorkflowNode",
    "hookimpl",
    "node",
]
__version__ = "0.1.0"
