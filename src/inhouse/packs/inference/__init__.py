"""Inference: what stands before and behind a model in a service: tokens, pictures, scores, labels, DICOM."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inhouse.plugins import hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterable

    from inhouse.engine.node import NodeSpec


@hookimpl
def register_nodes() -> Iterable[NodeSpec]:
    """Return the nodes of the pack."""
    from inhouse.packs.inference.dicom import nodes as dicom
    from inhouse.packs.inference.nodes import chats, images, services, tensors, texts

    return [*services.NODES, *chats.NODES, *texts.NODES, *images.NODES, *tensors.NODES, *dicom.NODES]
