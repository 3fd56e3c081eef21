"""ONNX files as they come: checked, brought to an opset that is supported, and run by ONNX Runtime as they are."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inhouse.backends.sessions.base import SessionOptions
from inhouse.backends.sessions.registry import open_session
from inhouse.errors import ConversionError, UnsupportedOperatorError
from inhouse.models.signature import BATCH, Size, TensorSpec
from inhouse.packs.conversion.model import SourceModel
from inhouse.packs.conversion.onnx_safety import OLDEST, data_files, nbytes_of, opset_of, read_graph
from inhouse.packs.conversion.shaping import observed
from inhouse.packs.conversion.sources.request import Request, hash_of, must_fit
from inhouse.packs.conversion.sources.samples import read_pictures, read_tensors, read_texts
from inhouse.packs.conversion.sources.tokens import token_samples
from inhouse.packs.conversion.sources.transformers_folder import labels_asset, random_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnx import ModelProto, ValueInfoProto

    from inhouse.backends.sessions.base import Feeds

_LONGEST = 512
_MOST_ROWS = 64
_TOKEN_INPUTS = {"input_ids", "attention_mask", "token_type_ids"}


def open_source(request: Request) -> SourceModel:
    """Open an ONNX file.

    Raises:
        ModelFormatError: it is damaged, cut short, or lacks a file.
        PathEscapeError: it names data outside its folder.
        UnsupportedOperatorError: it has operators of its own.
        ConversionError: its opset is too old and cannot be raised.
        ModelTooLargeError: memory would not do.

    """
    model = read_graph(request.path)
    must_fit(nbytes_of(model), request.path.name, request.memory)
    return graph_source(request, raised(request.path, model, request.scratch), format_="onnx")


def raised(path: Path, model: ModelProto, scratch: Path) -> Path:
    """Return a file with the graph at an opset that is supported: the file itself where it is.

    Raises:
        ConversionError: its opset is too old and cannot be raised.

    """
    import onnx
    from onnx import version_converter

    opset = opset_of(model)
    if opset >= OLDEST:
        return path
    whole = onnx.load(path)
    try:
        newer = version_converter.convert_version(whole, OLDEST)
        onnx.checker.check_model(newer)
    except Exception as error:  # the converter raises RuntimeError of many sorts, the checker its own
        line = (str(error).strip().splitlines() or ["no reason given"])[0][:200]
        raise ConversionError(
            f"{path.name} has opset {opset}; {OLDEST} is the oldest that is supported, and raising it failed: {line}",
            hint="Export the model again with a newer opset.",
        ) from error
    target = scratch / path.name
    onnx.save(newer, target, save_as_external_data=bool(data_files(model, path)), location=f"{path.name}.data")
    return target


def graph_source(
    request: Request, graph: Path, *, format_: str, task: str | None = None, facts: dict[str, Any] | None = None
) -> SourceModel:
    """Return the source of a graph."""
    model = read_graph(graph)
    inputs = tuple(_declared(value, number) for number, value in enumerate(_true_inputs(model)))
    session = open_session("onnxruntime", graph, SessionOptions(threads=1, options={"graph_optimization": "basic"}))
    names = {spec.name for spec in inputs}
    texts = names <= _TOKEN_INPUTS and "input_ids" in names
    limits = {axis: (1, _LONGEST) for spec in inputs for axis in spec.shape if isinstance(axis, str)}
    limits |= {BATCH: (1, _MOST_ROWS)} if BATCH in limits else {}
    values: dict[str, tuple[float, float]] = (
        {"input_ids": (0, _vocabulary(model) - 1), "attention_mask": (0, 1), "token_type_ids": (0, 1)} if texts else {}
    )
    values = {name: bounds for name, bounds in values.items() if name in names}
    samples, assets = _samples(request, inputs, texts=texts)
    outputs = observed(session.run, inputs, limits, values)
    return SourceModel(
        name=request.name,
        format=format_,
        path=request.path,
        sha256=hash_of(request.path),
        task=task or request.task or "tensors",
        inputs=inputs,
        outputs=outputs,
        nbytes=nbytes_of(model),
        samples=samples,
        answer=session.run,
        limits=limits,
        graph=graph,
        values=values,
        assets=assets | labels_asset(request),
        facts={"opset": opset_of(model), **(facts or {})},
    )


def _true_inputs(model: ModelProto) -> list[ValueInfoProto]:
    weights = {tensor.name for tensor in model.graph.initializer}
    return [value for value in model.graph.input if value.name not in weights]


def _declared(value: ValueInfoProto, number: int) -> TensorSpec:
    from onnx import helper

    tensor = value.type.tensor_type
    if not value.type.HasField("tensor_type") or not tensor.HasField("shape"):
        raise UnsupportedOperatorError(f"The input {value.name} is no tensor of known rank.", hint="Export it again.")
    shape: list[Size] = []
    for axis, dimension in enumerate(tensor.shape.dim):
        free = dimension.dim_param or f"input{number}_{axis}"
        if axis == 0 and not dimension.dim_value:
            free = BATCH
        shape.append(dimension.dim_value or free)
    return TensorSpec(value.name, str(helper.tensor_dtype_to_np_dtype(tensor.elem_type)), tuple(shape))


def _vocabulary(model: ModelProto) -> int:
    """Return how many token ids there are: the rows of the table that ``input_ids`` looks up."""
    tables = {tensor.name: tensor.dims[0] for tensor in model.graph.initializer if len(tensor.dims) == 2}
    looked = [
        tables[node.input[0]]
        for node in model.graph.node
        if node.op_type == "Gather" and node.input[0] in tables and "input_ids" in node.input[1]
    ]
    return int(max(looked, default=2))


def _samples(
    request: Request, inputs: tuple[TensorSpec, ...], *, texts: bool
) -> tuple[Sequence[Feeds], dict[str, Path]]:
    """Return rows and assets: the user's tensors; texts or pictures where the inputs look like those; made-up rows."""
    if request.data is not None and request.data.suffix in {".npy", ".npz"}:
        return read_tensors(request.data, inputs), {}
    tokenizer = request.path.with_name("tokenizer.json")
    if texts and tokenizer.is_file():
        names = [spec.name for spec in inputs]
        return token_samples(tokenizer, read_texts(request.data), names, _LONGEST), {"tokenizer.json": tokenizer}
    if request.data is not None and len(inputs) == 1:
        from inhouse.packs.conversion.sources.vision import Preparation

        size = next((n for n in reversed(inputs[0].shape) if isinstance(n, int)), 224)
        prepare = Preparation(size, size, (0.0,) * 3, (255.0,) * 3, "bilinear")
        return [{inputs[0].name: prepare(picture)} for picture in read_pictures(request.data)], {}
    return random_rows(inputs, {}), {}


def copy_graph(path: Path, folder: Path, name: str = "model.onnx") -> Path:
    """Copy a graph with the files beside it that hold its tensors, under one name."""
    import onnx

    model = read_graph(path)
    target = folder / name
    if data_files(model, path):
        onnx.save(onnx.load(path), target, save_as_external_data=True, location=f"{name}.data")
    else:
        shutil.copyfile(path, target)
    return target
