"""ONNX Runtime: runs ONNX graphs on processors and on cards of many makers."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from inhouse.backends.memory import is_out_of_memory
from inhouse.backends.sessions.base import Runtime, Session, SessionOptions
from inhouse.backends.sessions.feeds import axes, fitting
from inhouse.errors import (
    InhouseError,
    ModelFormatError,
    ModelNotFoundError,
    ModelUnsupportedError,
    NodeExecutionError,
    NodeInputError,
    OutOfMemoryError,
    UsageError,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from inhouse.backends.sessions.base import Feeds

PROVIDERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "cpu": ("CPUExecutionProvider",),
        "cuda": ("CUDAExecutionProvider",),
        "rocm": ("MIGraphXExecutionProvider", "ROCMExecutionProvider"),
        "tensorrt": ("TensorrtExecutionProvider",),
        "npu": ("CANNExecutionProvider",),
        "openvino": ("OpenVINOExecutionProvider",),
        "directml": ("DmlExecutionProvider",),
        "coreml": ("CoreMLExecutionProvider",),
    }
)
"""Execution providers that can serve a kind of device, best first (onnxruntime.ai/docs/execution-providers)."""
_BUILDS = MappingProxyType(
    {
        "cuda": "onnxruntime-gpu",
        "tensorrt": "onnxruntime-gpu",
        "rocm": "onnxruntime-migraphx",
        "npu": "onnxruntime-cann",
        "openvino": "onnxruntime-openvino",
        "directml": "onnxruntime-directml",
    }
)
_LEVELS = MappingProxyType(
    {"all": "ORT_ENABLE_ALL", "extended": "ORT_ENABLE_EXTENDED", "basic": "ORT_ENABLE_BASIC", "none": "ORT_DISABLE_ALL"}
)
_TYPES = MappingProxyType(
    {"float": "float32", "double": "float64", "float16": "float16", "bool": "bool", "string": "object"}
)
_OPERATION = re.compile(
    r"implementation for ([\w.]+)|No Op registered for ([\w.]+)|([\w.:]+)(?:\(-?\d+\))? is not a registered function/op"
)


class OnnxRuntime(Runtime):
    """Loads ``.onnx`` (and ``.ort``) files.

    Options that it understands: ``graph_optimization`` (``all``, ``extended``, ``basic``, ``none``), ``optimized`` (a
    path where the optimised graph is written), ``spinning`` (threads without work burn processor time: 0 by default),
    ``session`` (configuration entries), ``provider`` (options of the execution provider).
    """

    name: ClassVar[str] = "onnxruntime"
    suffixes: ClassVar[tuple[str, ...]] = (".onnx", ".ort")

    def lacking(self, device: str = "cpu") -> str:
        """See `Runtime.lacking`."""
        if importlib.util.find_spec("onnxruntime") is None:
            return "ONNX Runtime is not installed: pip install 'inhouse[onnx]'"
        import onnxruntime

        kind = device.partition(":")[0]
        if not set(PROVIDERS.get(kind, ())) & set(onnxruntime.get_available_providers()):
            build = f": install {_BUILDS[kind]} in its place" if kind in _BUILDS else ""
            return f"this build of ONNX Runtime has nothing for {device}{build}"
        return ""

    def open(self, model: Path, options: SessionOptions) -> Session:
        """See `Runtime.open`."""
        if reason := self.lacking(options.device):
            raise UsageError(f"{model.name} cannot be run: {reason}.")
        import onnxruntime

        try:
            return OnnxRuntimeSession(
                onnxruntime.InferenceSession(str(model), _settings(options), providers=_providers(options))
            )
        except Exception as error:
            raise _opening(model, error) from error


class OnnxRuntimeSession(Session):
    """A graph that ONNX Runtime has loaded; ``raw`` is its session."""

    def __init__(self, raw: Any) -> None:
        self.raw = raw
        self.inputs = {item.name: (_dtype(item.type), axes(tuple(item.shape))) for item in raw.get_inputs()}
        self.outputs = tuple(item.name for item in raw.get_outputs())
        self._names = list(self.outputs)

    def run(self, feeds: Feeds) -> dict[str, NDArray[Any]]:
        """See `Session.run`."""
        given = fitting(self.inputs, feeds)
        try:
            found = self.raw.run(self._names, dict(zip(self.inputs, given, strict=True)))
        except Exception as error:
            raise _running(error) from error
        return dict(zip(self.outputs, found, strict=True))

    def close(self) -> None:
        """See `Session.close`."""
        self.raw = None


def _settings(options: SessionOptions) -> Any:
    import onnxruntime

    given = options.options
    found = onnxruntime.SessionOptions()
    found.log_severity_level = 3
    found.intra_op_num_threads = options.threads
    level = str(given.get("graph_optimization", "all"))
    if level not in _LEVELS:
        raise UsageError(f"graph_optimization is one of {', '.join(_LEVELS)}, not {level}.")
    found.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, _LEVELS[level])
    if "optimized" in given:
        found.optimized_model_filepath = str(given["optimized"])
    spinning = str(int(bool(given.get("spinning", False))))
    entries = {"session.intra_op.allow_spinning": spinning, "session.inter_op.allow_spinning": spinning}
    for name, value in {**entries, **given.get("session", {})}.items():
        found.add_session_config_entry(name, str(value))
    return found


def _providers(options: SessionOptions) -> list[tuple[str, dict[str, str]]]:
    """Return what is to run the graph: the device's provider with its options, and the processor for the rest."""
    import onnxruntime

    kind, _, number = options.device.partition(":")
    there = onnxruntime.get_available_providers()
    chosen = next(name for name in PROVIDERS[kind] if name in there)
    told: dict[str, str] = {}
    if kind in {"cuda", "rocm", "tensorrt", "npu", "directml"}:
        told["device_id"] = number or "0"
    if kind == "tensorrt":
        told |= {
            "trt_fp16_enable": str(options.precision == "fp16"),
            "trt_engine_cache_enable": str(bool(options.cache)),
        }
        told |= {"trt_engine_cache_path": str(options.cache)} if options.cache else {}
    if kind == "openvino":
        told |= {"device_type": (number or "CPU").upper()}
        told |= {"cache_dir": str(options.cache)} if options.cache else {}
    told |= {name: str(value) for name, value in options.options.get("provider", {}).items()}
    rest = ["CUDAExecutionProvider"] * (kind == "tensorrt") + ["CPUExecutionProvider"] * (kind != "cpu")
    return [(chosen, told), *((name, {}) for name in rest if name in there)]


def _dtype(said: str) -> Any:
    """Return NumPy's type for what ONNX Runtime calls ``tensor(int64)`` and the like."""
    import numpy as np

    inner = said.partition("(")[2].rstrip(")")
    try:
        return np.dtype(_TYPES.get(inner, inner))
    except TypeError as error:
        raise ModelUnsupportedError(f"The model takes {said}, which cannot be given from Python.") from error


def _opening(model: Path, error: Exception) -> InhouseError:
    if isinstance(error, InhouseError):
        return error
    said, kind = str(error), type(error).__name__
    if is_out_of_memory(error) or "bad allocation" in said or "bad_alloc" in said:
        return OutOfMemoryError(f"The memory does not suffice for {model.name}.")
    if kind == "NoSuchFile":
        return ModelNotFoundError(f"{model.name} is not there, or a file with its weights is not.")
    found = _OPERATION.search(said)
    if kind == "NotImplemented" or found:
        which = next(filter(None, found.groups()), "") if found else ""
        return ModelUnsupportedError(
            f"{model.name} holds what ONNX Runtime cannot run{': ' + which if which else ''}.",
            hint="Convert it for another runtime.",
        )
    if "opset" in said.lower() or "ir version" in said.lower():
        return ModelUnsupportedError(
            f"{model.name} is of a version that this ONNX Runtime does not read: {_first(said)}",
            hint="Update onnxruntime, or convert the model again.",
        )
    return ModelFormatError(f"{model.name} is no ONNX graph that can be loaded: {_first(said)}")


def _running(error: Exception) -> InhouseError:
    said = str(error)
    if is_out_of_memory(error) or "Failed to allocate memory" in said or "bad_alloc" in said:
        return OutOfMemoryError("The memory does not suffice for this batch.", hint="Use a smaller batch.")
    if type(error).__name__ == "InvalidArgument":
        return NodeInputError(f"The model does not take these tensors: {_first(said)}")
    return NodeExecutionError(f"ONNX Runtime failed: {_first(said)}")


def _first(said: str) -> str:
    """Return the first line, without ONNX Runtime's own code in front and without paths."""
    line = next((line.strip() for line in said.splitlines() if line.strip()), "")
    return re.sub(r"(?:/[\w.-]+){2,}", "...", re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ", "", line))[:240]
