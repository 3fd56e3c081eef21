"""Inference: what stands before and behind a model in a service: tokens, pictures, scores, labels, DICOM."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inhouse.plugins import hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterable

    from inhouse.engine.node import NodeSpec


@hookimpl
def register_nodes() -> Iterable[NodeSpec]:
    """Return the pack's nodes."""
    from inhouse.packs.inference import fields, models, pictures, scores, texts
    from inhouse.packs.inference.dicom import nodes as dicom

    return [*fields.NODES, *models.NODES, *texts.NODES, *pictures.NODES, *scores.NODES, *dicom.NODES]
