"""The pass `shape`: the free axes of a graph get their names, shapes between are inferred, and nothing is frozen."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from inhouse.backends.sessions.base import SessionOptions
from inhouse.backends.sessions.registry import open_session
from inhouse.models.receipt import PassRecord
from inhouse.packs.conversion.model import Draft
from inhouse.packs.conversion.onnx_safety import data_files, read_graph
from inhouse.packs.conversion.shaping import prove_free

if TYPE_CHECKING:
    from pathlib import Path

    from inhouse.models.signature import TensorSpec

_INFERRED_UP_TO = 1_500_000_000
"""Bytes of a graph; inference is handed it in one message, which may have 2 GB."""


def shape(draft: Draft) -> Draft:
    """Name free axes and infer shapes in an ONNX graph; of any format, prove by running that no axis was frozen.

    Raises:
        ConversionError: an axis was frozen.

    """
    start = time.monotonic()
    notes = []
    if draft.format == "onnx":
        name_axes(draft.model, (*draft.source.inputs, *draft.source.outputs))
        notes.append("axes named, shapes inferred")
    session = open_session(
        draft.serving.runtime, draft.model, SessionOptions(precision="fp32", threads=draft.serving.threads)
    )
    source = draft.source
    try:
        told = prove_free(session.run, source.inputs, source.outputs, source.limits, source.values)
    finally:
        session.close()
    notes += [f"runs at {lengths}" for lengths in told if lengths]
    return draft.after(PassRecord("shape", {}, time.monotonic() - start, tuple(notes)))


def name_axes(path: Path, specs: tuple[TensorSpec, ...]) -> None:
    """Write the names of free axes into an ONNX file, and the shapes of all tensors between where they follow."""
    import onnx

    model = read_graph(path)
    by_name = {spec.name: spec for spec in specs}
    for value in (*model.graph.input, *model.graph.output):
        if value.name in by_name:
            _name(value, by_name[value.name])
    if not data_files(model, path) and model.ByteSize() < _INFERRED_UP_TO:
        model = onnx.shape_inference.infer_shapes(model, data_prop=True)
    onnx.save(model, path)


def _name(value: Any, spec: TensorSpec) -> None:
    dimensions = value.type.tensor_type.shape.dim
    if len(dimensions) != len(spec.shape):
        return
    for dimension, size in zip(dimensions, spec.shape, strict=True):
        if isinstance(size, str):
            dimension.Clear()
            dimension.dim_param = size
