"""Inference: what stands before and behind a model in a service: tokens, pictures, scores, labels, DICOM."""

from __future__ import annotations

from collections.abc import Iterable

from inhouse.engine.node import NodeSpec
from inhouse.plugins import hookimpl


@hookimpl
def register_nodes() -> Iterable[NodeSpec]:
    """Return the pack's nodes."""
    return []
