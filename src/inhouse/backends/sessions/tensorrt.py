"""TensorRT: NVIDIA's compiler of networks into engines, each bound to a kind of card and to TensorRT's version.

Written against the Python API of TensorRT 10 (docs.nvidia.com/deeplearning/tensorrt). Tensors lie in torch's memory.
"""

from __future__ import annotations

import importlib.util
import json
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
    UnsupportedOperatorError,
    UsageError,
)
from inhouse.files import write_atomic

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from inhouse.backends.sessions.base import Feeds

_FLAGS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"fp32": (), "fp16": ("FP16",), "bf16": ("BF16",), "int8": ("INT8", "FP16")}
)
"""Builder flags by precision; ranges of int8 are those of the graph's own QuantizeLinear nodes."""
_WORKSPACE = 4 << 30
"""Bytes that a tactic may use while the engine is built."""


class TensorRt(Runtime):
    """Loads ``.engine`` files that `build_engine` wrote."""

    name: ClassVar[str] = "tensorrt"
    suffixes: ClassVar[tuple[str, ...]] = (".engine",)

    def lacking(self, device: str = "cuda:0") -> str:
        """See `Runtime.lacking`."""
        if importlib.util.find_spec("tensorrt") is None:
            return "TensorRT is not installed: pip install tensorrt"
        if device.partition(":")[0] != "cuda":
            return f"TensorRT runs on NVIDIA's cards, not on {device}"
        import torch

        return "" if torch.cuda.is_available() else "this machine has no card of NVIDIA's that torch can use"

    def open(self, model: Path, options: SessionOptions) -> Session:
        """See `Runtime.open`."""
        if reason := self.lacking(options.device):
            raise UsageError(f"{model.name} cannot be run: {reason}.")
        try:
            plan = model.read_bytes()
        except OSError as error:
            raise ModelNotFoundError(f"{model.name} cannot be read.") from error
        import tensorrt

        _check_place(model, options.device)
        try:
            engine = tensorrt.Runtime(tensorrt.Logger(tensorrt.Logger.ERROR)).deserialize_cuda_engine(plan)
        except Exception as error:
            raise _failed(error, f"loading {model.name}") from error
        if engine is None:
            raise ModelFormatError(f"{model.name} is no engine that TensorRT can load.", hint="Convert it again.")
        return TensorRtSession(engine, options.device)


class TensorRtSession(Session):
    """An engine with one context."""

    def __init__(self, engine: Any, device: str) -> None:
        import numpy as np
        import tensorrt

        self._engine, self._device = engine, device
        self._context = engine.create_execution_context()
        if self._context is None:
            raise OutOfMemoryError("The card's memory does not suffice for this engine.")
        names = [engine.get_tensor_name(number) for number in range(engine.num_io_tensors)]
        given = [name for name in names if engine.get_tensor_mode(name) == tensorrt.TensorIOMode.INPUT]
        self.inputs = {
            name: (
                np.dtype(tensorrt.nptype(engine.get_tensor_dtype(name))),
                axes(tuple(engine.get_tensor_shape(name))),
            )
            for name in given
        }
        self.outputs = tuple(name for name in names if name not in given)
        self._types = {name: np.dtype(tensorrt.nptype(engine.get_tensor_dtype(name))) for name in self.outputs}

    def run(self, feeds: Feeds) -> dict[str, NDArray[Any]]:
        """See `Session.run`."""
        import torch

        arrays = dict(zip(self.inputs, fitting(self.inputs, feeds), strict=True))
        for name, array in arrays.items():
            if not self._context.set_input_shape(name, tuple(array.shape)):
                raise NodeInputError(f"{name} has shape {list(array.shape)}, which the engine was not built for.")
        try:
            given = {name: torch.tensor(array, device=self._device) for name, array in arrays.items()}
            found = {name: self._made(name) for name in self.outputs}
            for name, tensor in (given | found).items():
                self._context.set_tensor_address(name, tensor.data_ptr())
            stream = torch.cuda.current_stream(self._device)
            done = self._context.execute_async_v3(stream.cuda_stream)
            stream.synchronize()
            answers = {name: tensor.cpu().numpy() for name, tensor in found.items()}
        except Exception as error:
            raise _failed(error, "this batch") from error
        if not done:
            raise NodeExecutionError("TensorRT failed, and gives no reason.")
        return answers

    def _made(self, name: str) -> Any:
        import torch

        shape = tuple(self._context.get_tensor_shape(name))
        return torch.empty(shape, dtype=getattr(torch, self._types[name].name), device=self._device)

    def close(self) -> None:
        """See `Session.close`."""
        self._context = self._engine = None


def build_engine(
    graph: Path,
    engine: Path,
    limits: Mapping[str, tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]],
    *,
    precision: str = "fp32",
    device: str = "cuda:0",
) -> None:
    """Compile an ONNX graph into an engine for this machine's card, and write beside it what it is bound to.

    Args:
        graph: of float32, or with QuantizeLinear nodes for int8.
        engine: the file to write.
        limits: least, usual and greatest shape of each input with free axes (an optimisation profile).
        precision: what products may be computed in.
        device: the card.

    Raises:
        UnsupportedOperatorError: TensorRT has no counterpart for operations of the graph; they are named.
        ModelUnsupportedError: no engine can be built, or there is no such precision.
        OutOfMemoryError: the card has too little memory.
        UsageError: TensorRT or the card is missing.

    """
    if reason := TensorRt().lacking(device):
        raise UsageError(f"No engine can be built: {reason}.")
    if precision not in _FLAGS:
        raise ModelUnsupportedError(f"TensorRT builds {', '.join(_FLAGS)}, not {precision}.")
    import tensorrt

    logger = tensorrt.Logger(tensorrt.Logger.ERROR)
    builder = tensorrt.Builder(logger)
    network = builder.create_network(0)
    parser = tensorrt.OnnxParser(network, logger)
    if not parser.parse_from_file(str(graph)):
        raise _unparsed(parser, graph)
    config = builder.create_builder_config()
    config.set_memory_pool_limit(tensorrt.MemoryPoolType.WORKSPACE, _WORKSPACE)
    for flag in _FLAGS[precision]:
        config.set_flag(getattr(tensorrt.BuilderFlag, flag))
    if limits:
        profile = builder.create_optimization_profile()
        for name, shapes in limits.items():
            profile.set_shape(name, *shapes)
        config.add_optimization_profile(profile)
    try:
        plan = builder.build_serialized_network(network, config)
    except Exception as error:
        raise _failed(error, f"building {graph.name}") from error
    if plan is None:
        raise ModelUnsupportedError(f"TensorRT cannot build {graph.name} in {precision}.", hint="Try fp32.")
    content, place = bytes(plan), json.dumps(_place(device)).encode()
    write_atomic(engine, lambda file: file.write(content))
    write_atomic(_bound(engine), lambda file: file.write(place))


def _unparsed(parser: Any, graph: Path) -> InhouseError:
    errors = [parser.get_error(number) for number in range(parser.num_errors)]
    operators = sorted({str(error.node_operator()) for error in errors if hasattr(error, "node_operator")} - {""})
    said = "; ".join(str(error.desc()) for error in errors)[:300]
    return UnsupportedOperatorError(
        f"TensorRT cannot read {graph.name}: {said or 'it gives no reason'}", operators=operators, hint="Try onnx."
    )


def _place(device: str) -> dict[str, str]:
    """Return what an engine is bound to."""
    import tensorrt
    import torch

    major, minor = torch.cuda.get_device_capability(device)
    card = torch.cuda.get_device_name(device)
    return {"tensorrt": str(tensorrt.__version__), "card": str(card), "capability": f"{major}.{minor}"}


def _bound(engine: Path) -> Path:
    return engine.with_suffix(".engine.json")


def _check_place(engine: Path, device: str) -> None:
    try:
        built, here = json.loads(_bound(engine).read_bytes()), _place(device)
    except (OSError, ValueError) as error:
        raise ModelFormatError(
            f"{engine.name} lacks what it was built for.", hint="Convert the model again."
        ) from error
    if built != here:
        told = [
            f"{name} {built.get(name)}, here is {found}" for name, found in here.items() if built.get(name) != found
        ]
        raise ModelUnsupportedError(
            f"{engine.name} was built for another machine: {'; '.join(told)}.", hint="Convert the model on this one."
        )


def _failed(error: Exception, what: str) -> InhouseError:
    if isinstance(error, InhouseError):
        return error
    if is_out_of_memory(error):
        return OutOfMemoryError(f"The card's memory does not suffice for {what}.", hint="Use a smaller batch.")
    return NodeExecutionError(f"TensorRT failed: {str(error).splitlines()[0][:200] if str(error) else what}")
