"""The pass `export`: from a model as it came to a graph that runtimes take."""

from __future__ import annotations

import contextlib
import inspect
import logging
import re
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from inhouse.backends.own_log import own_log
from inhouse.errors import ConversionError, InhouseError, UnsupportedOperatorError, UsageError
from inhouse.models.artifact import Serving
from inhouse.models.receipt import PassRecord
from inhouse.packs.conversion.model import Draft, SourceModel
from inhouse.packs.conversion.onnx_safety import data_files, opset_of, read_graph
from inhouse.packs.conversion.shaping import feeds_at, lengths_at

if TYPE_CHECKING:
    from torch import Tensor, nn

OPSET = 18
_EXTERNAL_OVER = 2_000_000_000
_NAMED = re.compile(
    r"operator '(?P<traced>[\w:.]+)' to ONNX|OpOverload\(op='(?P<exported>[\w:.]+)'"
    r"|No conversion rule found for operations: (?P<openvino>[^\n]+)"
)
"""Where the TorchScript exporter, torch.export's exporter and OpenVINO name what they cannot convert."""


def export(given: SourceModel | Draft, target: str, folder: Path) -> Draft:
    """Write a model as ``onnx``, ``openvino`` or ``torch-export`` into a folder.

    Free axes stay free; weights over 2 GB go beside an ONNX graph.

    Raises:
        UnsupportedOperatorError: operators have no counterpart; they are named, with what was tried.
        ConversionError: it cannot be exported for another reason.
        UsageError: the target is unknown, or a library for it is missing.

    """
    if target not in _WRITERS:
        raise UsageError(f"There is no export to {target}.", hint=f"There are {', '.join(_WRITERS)}.")
    source = given.source if isinstance(given, Draft) else given
    folder.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    runtime, name, write = _WRITERS[target]
    notes = write(source, folder / name)
    record = PassRecord("export", {"target": target}, time.monotonic() - start, tuple(notes))
    made = Draft(
        source=source,
        folder=folder,
        serving=Serving(runtime, name),
        format=target,
        opset=opset_of(read_graph(folder / name)) if target == "onnx" else 0,
        passes=given.passes if isinstance(given, Draft) else (),
    )
    return made.after(record)


def _to_onnx(source: SourceModel, path: Path) -> list[str]:
    if source.graph is not None:
        from inhouse.packs.conversion.sources.onnx_graph import copy_graph

        copy_graph(source.graph, path.parent, path.name)
        return ["taken as it came"]
    notes = _first_that_works(source, path, _exporters(source))
    read_graph(path)
    return notes


def _exporters(source: SourceModel) -> dict[str, Callable[[SourceModel, Path], None]]:
    """Return the exporters in the order of trying.

    ONNX Runtime's optimizer finds attention only in graphs of the tracing exporter; torch.export proves axes free, and
    keeps branches that tracing would lose, so it is the first where nothing is known of the module.
    """
    if isinstance(source.module, torch.jit.ScriptModule):
        return {"the TorchScript exporter": _trace_onnx}
    if source.format == "torch-export":
        return {"torch.export's exporter": _dynamo_onnx}
    both: dict[str, Callable[[SourceModel, Path], None]] = {
        "the TorchScript exporter": _trace_onnx,
        "torch.export's exporter": _dynamo_onnx,
    }
    known = source.format in {"transformers", "gguf", "diffusers", "safetensors"}
    return both if known else dict(reversed(both.items()))


def _first_that_works(
    source: SourceModel, path: Path, exporters: dict[str, Callable[[SourceModel, Path], None]]
) -> list[str]:
    failures: dict[str, Exception] = {}
    for name, write in exporters.items():
        try:
            with quiet(), torch.no_grad():
                write(source, path)
        except InhouseError:
            raise
        except Exception as error:  # noqa: BLE001 - exporters raise whatever they meet
            failures[name] = error
            continue
        return [f"by {name}", *(f"{failed} failed: {_line(error)}" for failed, error in failures.items())]
    raise _no_way(source, failures)


def _no_way(source: SourceModel, failures: dict[str, Exception]) -> ConversionError:
    operators = sorted({name for error in failures.values() for name in operators_in(str(error))})
    tried = "; ".join(f"{name}: {_line(error)}" for name, error in failures.items())
    if operators:
        error: ConversionError = UnsupportedOperatorError(
            f"{source.name} has operators without a conversion: {', '.join(operators)}. Tried {tried}.",
            operators=operators,
            hint="Write that part of the model with other operations, or convert to another target.",
        )
    else:
        error = ConversionError(f"{source.name} cannot be exported. Tried {tried}.", hint="Try another target.")
    error.__cause__ = next(iter(failures.values()))
    return error


def operators_in(message: str) -> set[str]:
    """Return the operators that an exporter's message says it has no conversion for."""
    names = (name for found in _NAMED.finditer(message) for name in (found.group(found.lastgroup or 0)).split(", "))
    return {re.sub(r"^(aten|prims|quantized)\.", r"\1::", name.strip()).removesuffix(".default") for name in names}


def _line(error: Exception) -> str:
    """Return the telling line of an exporter's message: the one that names an operator, else the first."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).strip()
    lines = text.splitlines() or [type(error).__name__]
    return next((line for line in lines if _NAMED.search(line)), lines[0]).strip("- ")[:200].rstrip(".")


def examples(source: SourceModel) -> tuple[Tensor, ...]:
    """Return tensors to export with: two rows or more, as one would be taken for a constant."""
    lengths = lengths_at(source.inputs, source.limits)
    feeds = feeds_at(source.inputs, lengths, source.values)
    return tuple(torch.from_numpy(feeds[spec.name]) for spec in source.inputs)


def _module(source: SourceModel) -> nn.Module:
    if source.module is None:
        raise ConversionError(
            f"{source.name} came as a graph, which torch does not read.", hint="Convert it to onnx or openvino."
        )
    return source.module


def _trace_onnx(source: SourceModel, path: Path) -> None:
    axes = {
        spec.name: {axis: size for axis, size in enumerate(spec.shape) if isinstance(size, str)}
        for spec in (*source.inputs, *source.outputs)
    }
    torch.onnx.export(
        _module(source),
        examples(source),
        str(path),
        dynamo=False,
        opset_version=OPSET,
        input_names=[spec.name for spec in source.inputs],
        output_names=[spec.name for spec in source.outputs],
        dynamic_axes={name: free for name, free in axes.items() if free},
    )
    if source.nbytes > _EXTERNAL_OVER:
        _gather(path)


def _gather(path: Path) -> None:
    """Put what an exporter scattered over a file a tensor into one file beside the graph."""
    import onnx

    scattered = data_files(read_graph(path), path)
    graph = onnx.load(path)
    for file in scattered:
        file.unlink()
    onnx.save(graph, path, save_as_external_data=True, location=f"{path.name}.data")


def _dynamo_onnx(source: SourceModel, path: Path) -> None:
    program = torch.onnx.export(
        _module(source) if source.format != "torch-export" else source.facts["program"],
        examples(source),
        dynamo=True,
        opset_version=OPSET,
        input_names=[spec.name for spec in source.inputs],
        output_names=[spec.name for spec in source.outputs],
        dynamic_shapes=_dynamic_shapes(source),
        verbose=False,
    )
    if program is None:
        raise ConversionError(f"{source.name}: the exporter gave nothing.", hint="Try another target.")
    program.save(str(path), external_data=source.nbytes > _EXTERNAL_OVER)


def _dynamic_shapes(source: SourceModel) -> tuple[Any, ...]:
    """Return the free axes of all inputs as torch.export wants them: those of ``*args`` in a tuple of their own."""
    shapes = tuple(_dynamic(source))
    parameters = list(inspect.signature(_module(source).forward).parameters.values())
    star = next((place for place, found in enumerate(parameters) if found.kind == found.VAR_POSITIONAL), len(shapes))
    return shapes if star >= len(shapes) else (*shapes[:star], shapes[star:])


def _dynamic(source: SourceModel) -> Iterator[dict[int, Any]]:
    """Yield a dimension for each free axis of each input; the same object where the name is."""
    free = {
        name: torch.export.Dim(re.sub(r"\W", "_", name), min=1, max=most)
        for name, (_, most) in {
            size: source.limits.get(size, (1, 4096))
            for spec in source.inputs
            for size in spec.shape
            if isinstance(size, str)
        }.items()
    }
    for spec in source.inputs:
        yield {axis: free[size] for axis, size in enumerate(spec.shape) if isinstance(size, str)}


def _to_openvino(source: SourceModel, path: Path) -> list[str]:
    try:
        import openvino
    except ImportError as error:
        raise UsageError("OpenVINO is not installed.", hint="pip install 'inhouse[openvino]'") from error
    ways: dict[str, Callable[[SourceModel, Path], None]] = {}
    if source.module is not None:
        ways["OpenVINO's reader of torch modules"] = lambda source, path: _save(
            _convert(openvino, source), source, path
        )
    ways["a graph in ONNX"] = lambda source, path: _by_onnx(openvino, source, path)
    return _first_that_works(source, path, ways)


def _convert(openvino: Any, source: SourceModel) -> Any:
    shapes = [
        (spec.name, openvino.PartialShape([-1 if isinstance(size, str) else size for size in spec.shape]))
        for spec in source.inputs
    ]
    with own_log():
        model = openvino.convert_model(
            _module(source), example_input=examples(source), input=[shape for _, shape in shapes]
        )
    for spec, port in zip(source.inputs, model.inputs, strict=True):
        port.set_names({spec.name})
        port.get_node().set_friendly_name(spec.name)
        port.get_node().set_element_type(getattr(openvino.Type, _OV_TYPES.get(spec.dtype, "f32")))
    model.validate_nodes_and_infer_types()
    return model


_OV_TYPES = {"float32": "f32", "float16": "f16", "int64": "i64", "int32": "i32", "bool": "boolean", "uint8": "u8"}


def _by_onnx(openvino: Any, source: SourceModel, path: Path) -> None:
    import tempfile

    with tempfile.TemporaryDirectory(dir=path.parent) as place:
        graph = Path(place) / "model.onnx"
        _to_onnx(source, graph)
        with own_log():
            model = openvino.convert_model(graph)
        _save(model, source, path)


def _save(model: Any, source: SourceModel, path: Path) -> None:
    import openvino

    for spec, port in zip(source.outputs, model.outputs, strict=True):
        port.set_names({spec.name})
    openvino.save_model(model, path, compress_to_fp16=False)


def _to_torch_export(source: SourceModel, path: Path) -> list[str]:
    with quiet(), torch.no_grad():
        try:
            program = source.facts.get("program") or torch.export.export(
                _module(source), examples(source), dynamic_shapes=_dynamic_shapes(source), strict=False
            )
            torch.export.save(program, str(path))
        except InhouseError:
            raise
        except Exception as error:  # torch.export raises whatever it meets
            raise _no_way(source, {"torch.export": error}) from error
    return ["by torch.export"]


_WRITERS: dict[str, tuple[str, str, Callable[[SourceModel, Path], list[str]]]] = {
    "onnx": ("onnxruntime", "model.onnx", _to_onnx),
    "openvino": ("openvino", "model.xml", _to_openvino),
    "torch-export": ("torch-export", "model.pt2", _to_torch_export),
}


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep exporters from telling users what only their authors can mend."""
    noisy = [
        logging.getLogger(name) for name in ("torch.onnx", "torch.export", "onnxscript", "onnx_ir", "transformers")
    ]
    levels = [logger.level for logger in noisy]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for logger in noisy:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in zip(noisy, levels, strict=True):
                logger.setLevel(level)
