"""ONNX files are checked before anything loads them: no file outside the folder, no foreign code, no surprises."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING

from inhouse.errors import ModelFormatError, PathEscapeError, UnsupportedOperatorError
from inhouse.models.formats import foreign_format, read_start

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto, TensorProto

KNOWN_DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml", "com.microsoft", "ai.onnx.training"})
"""Operator sets that ONNX Runtime has without further libraries."""
OLDEST, NEWEST = 17, 21
"""Opsets that are exported; below 17 there is no layer normalisation."""
_EXTERNAL = 1
_MAX_DEPTH = 64


def read_graph(path: Path) -> ModelProto:
    """Return the graph in a file, without the tensors that lie beside it.

    Raises:
        ModelNotFoundError: there is no such file.
        ModelFormatError: it is damaged, or something else.
        PathEscapeError: it names data outside its folder.
        UnsupportedOperatorError: it has operators that only somebody's own library can compute.

    """
    import onnx

    size, start = read_start(path)
    if size > 2**31 - 1:
        raise ModelFormatError(f"{path.name} is larger than any ONNX file can be.", hint="Save it with external data.")
    try:
        model = onnx.load(path, load_external_data=False)
    except Exception as error:  # protobuf's DecodeError is a bare Exception
        foreign_format(path, start)
        raise ModelFormatError(f"{path.name} is no ONNX file, or was cut short.", hint="Export it again.") from error
    check_graph(model, path)
    return model


def check_graph(model: ModelProto, path: Path) -> None:
    """Check a graph that was read; see `read_graph` for what is raised."""
    if not model.opset_import or not (model.graph.node or model.graph.output):
        raise ModelFormatError(f"{path.name} is no ONNX file, or was cut short.", hint="Export it again.")
    for tensor in tensors_of(model):
        _inside(tensor, path)
    local = {(function.domain, function.name) for function in model.functions}
    foreign = {
        f"{node.domain}::{node.op_type}"
        for node in nodes_of(model)
        if node.domain not in KNOWN_DOMAINS and (node.domain, node.op_type) not in local
    }
    if foreign:
        names = sorted(foreign)
        raise UnsupportedOperatorError(
            f"{path.name} has operators of its own: {', '.join(names)}.",
            operators=names,
            hint="They need a library of somebody's that Inhouse does not load; export the model without them.",
        )


def data_files(model: ModelProto, path: Path) -> list[Path]:
    """Return the files beside a graph that hold its tensors, checked to be inside its folder."""
    return sorted({_inside(tensor, path) for tensor in tensors_of(model)} - {path})


def nbytes_of(model: ModelProto) -> int:
    """Return the bytes of a graph's weights, those in other files too."""
    import math

    from onnx import helper

    total = 0
    for tensor in tensors_of(model):
        try:
            width = helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
        except (KeyError, TypeError, ValueError):
            width = 1
        total += math.prod(tensor.dims) * width
    return total


def opset_of(model: ModelProto) -> int:
    """Return the version of the standard operators that a graph uses."""
    return max((entry.version for entry in model.opset_import if entry.domain in {"", "ai.onnx"}), default=1)


def nodes_of(model: ModelProto) -> Iterator[NodeProto]:
    """Yield all nodes, those of branches, loops and functions too."""
    yield from _nodes(model.graph, 0)
    for function in model.functions:
        yield from function.node


def _nodes(graph: GraphProto, depth: int) -> Iterator[NodeProto]:
    if depth > _MAX_DEPTH:
        raise ModelFormatError("The graph's branches are nested too deep.", hint="Export it again.")
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in (*attribute.graphs, *((attribute.g,) if attribute.HasField("g") else ())):
                yield from _nodes(inner, depth + 1)


def tensors_of(model: ModelProto) -> Iterator[TensorProto]:
    """Yield all tensors, those of branches and attributes too."""
    yield from _tensors(model.graph, 0)
    for node in nodes_of(model):
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors


def _tensors(graph: GraphProto, depth: int) -> Iterator[TensorProto]:
    if depth > _MAX_DEPTH:
        return
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield sparse.values
        yield sparse.indices
    for node in graph.node:
        for attribute in node.attribute:
            for inner in (*attribute.graphs, *((attribute.g,) if attribute.HasField("g") else ())):
                yield from _tensors(inner, depth + 1)


def _inside(tensor: TensorProto, path: Path) -> Path:
    """Return the file that a tensor lies in.

    Raises:
        PathEscapeError: it is outside the folder, or reached by a link.
        ModelFormatError: it is missing, or too short.

    """
    if tensor.data_location != _EXTERNAL:
        return path
    said = {entry.key: entry.value for entry in tensor.external_data}
    name = said.get("location", "")
    pure = PurePosixPath(name)
    windows = PureWindowsPath(name)
    if not name or "\0" in name or pure.is_absolute() or windows.drive or windows.root or ".." in windows.parts:
        raise _escape(path, name)
    place: Path = path.parent / name
    if any(part.is_symlink() for part in (place, *place.parents) if part.is_relative_to(path.parent / pure.parts[0])):
        raise _escape(path, name)
    if not place.resolve().is_relative_to(path.parent.resolve()):
        raise _escape(path, name)
    if not place.is_file():
        raise ModelFormatError(f"{path.name} needs {name}, which is not beside it.", hint="Copy it there.")
    try:
        offset, length = int(said.get("offset") or 0), int(said.get("length") or 0)
    except ValueError as error:
        raise ModelFormatError(f"{path.name}: tensor {tensor.name[:60]!r} has no place.", hint="Export it.") from error
    if offset < 0 or length < 0 or offset + length > place.stat().st_size:
        raise ModelFormatError(f"{name} is cut short.", hint="Copy it again.")
    return place


def _escape(path: Path, name: str) -> PathEscapeError:
    return PathEscapeError(
        f"{path.name} wants to read {name[:100]!r}, which is not a file of its folder.", hint="Export it again."
    )
