"""What a model computes on its way, layer by layer, whatever runs it."""

from __future__ import annotations

import ast
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from inhouse.backends.sessions.base import SessionOptions

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray
    from torch import nn

    from inhouse.backends.sessions.base import Feeds
    from inhouse.packs.conversion.model import Draft, SourceModel

Array: TypeAlias = "NDArray[Any]"

KEPT = 4096
"""Of a tensor so many numbers are kept, evenly spread: enough to know it by, and a large model fits into memory."""


@dataclass(frozen=True, slots=True)
class Print:
    """What is kept of a tensor.

    Attributes:
        size: how many numbers it has.
        numbers: some of them, float32.

    """

    size: int
    numbers: Array

    @classmethod
    def of(cls, array: Array) -> Print:
        """Return what is kept of an array."""
        flat = array.reshape(-1)
        places = np.linspace(0, max(0, flat.size - 1), min(KEPT, flat.size)).astype(int)
        return cls(flat.size, flat[places].astype(np.float32))


@dataclass(frozen=True, slots=True)
class Point:
    """A place in the original.

    Attributes:
        name: of the layer, as who made the model knows it.
        seen: what it gave.
        then: places that what it gave went to directly, or that it is a part of.

    """

    name: str
    seen: Print
    then: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Trace:
    """What a converted model computes.

    Attributes:
        prints: of every tensor.
        layers: names of the layers that it still knows.

    """

    prints: tuple[Print, ...]
    layers: frozenset[str] = frozenset()


def original(source: SourceModel, feeds: Feeds) -> list[Point]:
    """Return the places of the original in the order in which they compute; none where it cannot be looked into."""
    if source.module is not None:
        return _module_points(source.module, [feeds[spec.name] for spec in source.inputs])
    return _graph_points(source.graph, feeds) if source.graph is not None else []


def converted(draft: Draft, feeds: Feeds) -> Trace | None:
    """Return what the converted model computes; None where its format cannot be looked into."""
    traced = _TRACES.get(draft.format)
    return None if traced is None else traced(draft, feeds)


def layer_of(name: str) -> str:
    """Return the path of the module that a node comes from; empty where its name does not say.

    ``/encoder/layer.0/dense/MatMul`` is of ``encoder.layer.0.dense``, as ``__module.encoder.layer.0.dense/Add`` is.
    Of modules in a sequence the exporter repeats the path: ``/blocks/blocks.0/conv/Conv`` is of ``blocks.0.conv``.
    """
    *scopes, _ = name.removeprefix("__module.").strip("/").split("/")
    path: list[str] = []
    for scope in scopes:
        if path and scope.startswith(f"{path[-1]}."):
            path.pop()
        path.append(scope)
    return ".".join(path)


def _module_points(module: nn.Module, tensors: list[Array]) -> list[Point]:
    import torch

    points: list[Point] = []
    made: dict[int, int] = {}
    open_parts: dict[str, list[int]] = {}
    alive: list[torch.Tensor] = []

    def before(name: str, _: nn.Module, given: tuple[Any, ...], named: dict[str, Any]) -> None:
        parts = [made[id(tensor)] for tensor in _tensors((given, named)) if id(tensor) in made]
        open_parts[name] = parts

    def after(name: str, _: nn.Module, __: Any, result: Any) -> None:
        tensor = next((found for found in _tensors(result) if found.is_floating_point()), None)
        if tensor is None:
            return
        number = len(points)
        points.append(Point(name, Print.of(tensor.detach().float().cpu().numpy())))
        for earlier in open_parts.pop(name, ()):
            points[earlier].then.add(number)
        made[id(tensor)] = number
        alive.append(tensor)  # else another tensor might get its id

    hooks = [
        hook
        for name, part in module.named_modules()
        for hook in (
            part.register_forward_pre_hook(partial(before, name), with_kwargs=True),
            part.register_forward_hook(partial(after, name)),
        )
    ]
    try:
        with torch.inference_mode():
            module(*(torch.from_numpy(np.ascontiguousarray(tensor)) for tensor in tensors))
    finally:
        for hook in hooks:
            hook.remove()
    _join_parents(points)
    return points


def _join_parents(points: list[Point]) -> None:
    """Let each place go on to the next one that it is a part of, which is complete after it."""
    last: dict[str, int] = {}
    for number in reversed(range(len(points))):
        name = points[number].name
        parent = name
        while parent:
            parent = parent.rpartition(".")[0]
            if parent in last and last[parent] > number:
                points[number].then.add(last[parent])
                break
        last[name] = number


def _tensors(value: Any) -> Iterator[torch.Tensor]:
    import torch

    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _tensors(part)
    elif isinstance(value, tuple | list):
        for part in value:
            yield from _tensors(part)


def _graph_points(graph: Path, feeds: Feeds) -> list[Point]:
    import onnx

    model = onnx.load(graph)
    computed = _run_whole(model, feeds, SessionOptions(options={"graph_optimization": "none"}))
    points: list[Point] = []
    makers: dict[str, int] = {}
    for node in model.graph.node:
        shown = next((name for name in node.output if name in computed), None)
        number = len(points)
        for name in node.input:
            if name in makers and shown is not None:
                points[makers[name]].then.add(number)
        if shown is not None:
            points.append(Point(node.name or shown, Print.of(computed[shown])))
            makers.update(dict.fromkeys(node.output, number))
    return points


def _run_whole(model: Any, feeds: Feeds, options: SessionOptions) -> dict[str, Array]:
    """Run an ONNX graph so that every tensor in it comes out; return those of floating point by name."""
    import onnx

    from inhouse.backends.sessions.registry import open_session

    there = {found.name for found in model.graph.output}
    for node in model.graph.node:
        if node.op_type != "Constant":
            model.graph.output.extend(
                onnx.ValueInfoProto(name=name) for name in node.output if name and name not in there
            )
    with tempfile.TemporaryDirectory(prefix="inhouse-trace-") as folder:
        whole = Path(folder) / "whole.onnx"
        large = model.ByteSize() > 2**30
        onnx.save(model, whole, save_as_external_data=large, location="whole.data" if large else None)
        session = open_session("onnxruntime", whole, options)
        try:
            found = session.run(_taken(session.inputs, feeds))
        finally:
            session.close()
    return {name: array for name, array in found.items() if array.dtype.kind == "f"}


def _onnx_trace(draft: Draft, feeds: Feeds) -> Trace:
    import onnx

    model = onnx.load(draft.model)
    layers = {layer for node in model.graph.node if (layer := _scope(node))}
    serving = draft.serving
    # What the runtime fuses by itself would hide layers, so it is let do no more than it must.
    options = SessionOptions("cpu", "fp32", serving.threads, options={"graph_optimization": "none"})
    found = _run_whole(model, feeds, options)
    return Trace(tuple(map(Print.of, found.values())), frozenset(layers))


def _scope(node: Any) -> str:
    """Return the module of an ONNX node: torch's exporter writes it down, or it is in the name."""
    for entry in node.metadata_props:
        if entry.key == "pkg.torch.onnx.name_scopes":
            scopes = [scope for scope in ast.literal_eval(entry.value)[:-1] if scope]
            return str(scopes[-1]) if scopes else ""
    return layer_of(node.name)


def _openvino_trace(draft: Draft, feeds: Feeds) -> Trace:
    import openvino

    from inhouse.backends.sessions.openvino import HINTS

    core = openvino.Core()
    model = core.read_model(draft.model)
    ports, fixed = [], set()
    for op in model.get_ordered_ops():
        kind = op.get_type_name()
        givers = [port.get_node().get_friendly_name() for port in op.input_values()]
        if kind == "Constant" or (givers and all(giver in fixed for giver in givers)):
            fixed.add(op.get_friendly_name())
        elif kind not in {"Parameter", "Result"}:
            ports += [port for port in op.outputs() if port.get_element_type().is_real()]
    layers = {layer for port in ports if (layer := layer_of(port.get_node().get_friendly_name()))}
    model.add_outputs(ports)
    hint = HINTS.get(draft.serving.precision, "f32")
    compiled = core.compile_model(
        model, "CPU", {"INFERENCE_PRECISION_HINT": hint, "INFERENCE_NUM_THREADS": draft.serving.threads}
    )
    declared = {port.get_any_name(): (port.get_element_type().to_dtype(), ()) for port in compiled.inputs}
    found = compiled(_taken(declared, feeds))
    shown = (np.asarray(found[number]) for number in range(len(compiled.outputs)))
    return Trace(tuple(Print.of(array) for array in shown if array.dtype.kind == "f"), frozenset(layers))


def _export_trace(draft: Draft, feeds: Feeds) -> Trace:
    import torch

    module = torch.export.load(draft.model).module()
    prints: list[Print] = []

    class Recorder(torch.fx.Interpreter):
        def run_node(self, node: Any) -> Any:
            result = super().run_node(node)
            shown = (found for found in _tensors(result) if found.is_floating_point() and node.op != "get_attr")
            prints.extend(Print.of(tensor.detach().float().cpu().numpy()) for tensor in shown)
            return result

    scopes = {
        str(path)
        for node in module.graph.nodes
        for path, _ in list(node.meta.get("nn_module_stack", {}).values())[-1:]
        if path
    }
    given = [torch.from_numpy(np.ascontiguousarray(feeds[spec.name])) for spec in draft.source.inputs]
    with torch.inference_mode():
        Recorder(module).run(*given)
    return Trace(tuple(prints), frozenset(re.sub(r"^L\['self'\]\.?", "", scope) for scope in scopes))


def _taken(declared: Mapping[str, tuple[Any, Any]], feeds: Feeds) -> dict[str, Array]:
    """Return the tensors that a graph takes, in its types."""
    return {name: feeds[name].astype(dtype, copy=False) for name, (dtype, _) in declared.items()}


_TRACES: Mapping[str, Callable[[Draft, Feeds], Trace]] = MappingProxyType(
    {"onnx": _onnx_trace, "openvino": _openvino_trace, "torch-export": _export_trace}
)
