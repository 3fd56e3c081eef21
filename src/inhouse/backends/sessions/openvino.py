"""OpenVINO: Intel's runtime, on processors, and on graphics and neural processors where there are any."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Mapping, Sequence
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

HINTS: Mapping[str, str] = MappingProxyType({"fp32": "f32", "bf16": "bf16", "fp16": "f16"})
"""What activations are computed in, by precision. Never left to the device: it would take bf16 where it has it."""
_DEVICES = MappingProxyType({"cpu": "CPU", "gpu": "GPU", "xpu": "GPU", "npu": "NPU"})
_OPERATIONS = re.compile(r"No conversion rule found for operations?:? ([\w., :-]+)|not supported.*?type[: ]+(\w+)")


class OpenVino(Runtime):
    """Loads OpenVINO's own ``.xml`` with its ``.bin``, and ``.onnx``.

    Options that it understands: ``properties`` (of the device, as OpenVINO names them); ``fixed``, sizes that a copy
    with nothing left open is compiled for, which is faster at the price of its memory: batches, or ``[batch, length]``
    where the second axis is open as well; ``padding``, by input what shorter ones are filled up with on that axis to
    come to the next fixed length (of a model whose mask makes that no difference).
    """

    name: ClassVar[str] = "openvino"
    suffixes: ClassVar[tuple[str, ...]] = (".xml", ".onnx")

    def lacking(self, device: str = "cpu") -> str:
        """See `Runtime.lacking`."""
        if importlib.util.find_spec("openvino") is None:
            return "OpenVINO is not installed: pip install 'inhouse[openvino]'"
        kind = device.partition(":")[0]
        if kind not in _DEVICES:
            return f"OpenVINO has nothing for {device}"
        if kind == "cpu":
            return ""
        import openvino

        there = openvino.Core().available_devices
        wanted = _DEVICES[kind]
        return (
            ""
            if any(found.split(".")[0] == wanted for found in there)
            else f"this machine has no {wanted} for OpenVINO"
        )

    def open(self, model: Path, options: SessionOptions) -> Session:
        """See `Runtime.open`."""
        if reason := self.lacking(options.device):
            raise UsageError(f"{model.name} cannot be run: {reason}.")
        if not model.exists():
            raise ModelNotFoundError(f"{model.name} is not there.")
        return self.loaded(model, options, model.name)

    def loaded(self, model: Any, options: SessionOptions, name: str) -> Session:
        """Load a file, or a model that is in memory; see `Runtime.open`. The name is for messages."""
        import openvino

        kind, _, number = options.device.partition(":")
        place = _DEVICES[kind] + (f".{number}" if number and kind != "cpu" else "")
        core, properties = openvino.Core(), _properties(options)
        try:
            read = core.read_model(model) if isinstance(model, Path) and options.options.get("fixed") else model
            fixed = {
                sizes: core.compile_model(copy, place, properties)
                for sizes in map(_leading, options.options.get("fixed", ()))
                if (copy := _with_sizes(read, sizes)) is not None
            }
            padding = options.options.get("padding", {})
            return OpenVinoSession(core.compile_model(read, place, properties), fixed, padding)
        except Exception as error:
            raise _opening(name, error) from error


class OpenVinoSession(Session):
    """A model that OpenVINO has compiled, with one request that is used for every call.

    Args:
        compiled: the model.
        fixed: the same for some first sizes of its inputs each.
        padding: by input, what fills it up to the next fixed length.

    """

    def __init__(
        self,
        compiled: Any,
        fixed: Mapping[tuple[int, ...], Any] | None = None,
        padding: Mapping[str, float] | None = None,
    ) -> None:
        import openvino

        self._tensor = openvino.Tensor
        self._request = compiled.create_infer_request()
        self._fixed = {sizes: fixed[sizes].create_infer_request() for sizes in sorted(fixed or {})} if fixed else {}
        self._padding = padding or {}
        self.inputs = {
            _name(port, f"input{number}"): (port.get_element_type().to_dtype(), axes(_sizes(port)))
            for number, port in enumerate(compiled.inputs)
        }
        self.outputs = tuple(_name(port, f"output{number}") for number, port in enumerate(compiled.outputs))

    def run(self, feeds: Feeds) -> dict[str, NDArray[Any]]:
        """See `Session.run`. Inputs are read where they lie; outputs are copied out of the request."""
        given = fitting(self.inputs, feeds)
        request = self._request
        for sizes, copy in self._fixed.items():
            if (padded := self._padded(given, sizes)) is not None:
                request, given = copy, padded
                break
        try:
            for number, array in enumerate(given):
                request.set_input_tensor(number, self._tensor(array, shared_memory=array.flags.writeable))
            request.infer()
            return {name: request.get_output_tensor(n).data.copy() for n, name in enumerate(self.outputs)}
        except Exception as error:
            raise _running(error) from error

    def _padded(self, given: list[NDArray[Any]], sizes: tuple[int, ...]) -> list[NDArray[Any]] | None:
        """Return inputs as a copy takes them, filled up where they are shorter; None where they cannot be."""
        import numpy as np

        shape = given[0].shape[: len(sizes)]
        if shape == sizes:
            return given
        if (
            shape[:1] != sizes[:1]
            or len(sizes) < 2
            or shape[1] > sizes[1]
            or self._padding.keys() != self.inputs.keys()
        ):
            return None
        more = ((0, 0), (0, sizes[1] - shape[1]))
        return [
            np.pad(array, more, constant_values=self._padding[name])
            for name, array in zip(self.inputs, given, strict=True)
        ]

    def close(self) -> None:
        """See `Session.close`."""
        self._request = None
        self._fixed = {}


def _properties(options: SessionOptions) -> dict[str, Any]:
    if options.precision not in HINTS:
        raise UsageError(f"OpenVINO computes in {', '.join(HINTS)}, not in {options.precision}.")
    found: dict[str, Any] = {
        "INFERENCE_PRECISION_HINT": HINTS[options.precision],
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": 1,
    }
    if options.device == "cpu":
        found |= {"INFERENCE_NUM_THREADS": options.threads, "ENABLE_CPU_PINNING": False}
    if options.cache is not None:
        found["CACHE_DIR"] = str(options.cache)
    return found | dict(options.options.get("properties", {}))


def _leading(sizes: int | Sequence[int]) -> tuple[int, ...]:
    return (sizes,) if isinstance(sizes, int) else tuple(map(int, sizes))


def _with_sizes(model: Any, sizes: tuple[int, ...]) -> Any:
    """Return a copy of a model for some first sizes of all inputs; None where more than these are open, or others."""
    shapes = {}
    for number, port in enumerate(model.inputs):
        declared = _sizes(port)
        first, rest = declared[: len(sizes)], declared[len(sizes) :]
        if len(first) < len(sizes) or set(first) != {-1} or -1 in rest:
            return None
        shapes[number] = [*sizes, *rest]
    copy = model.clone()
    copy.reshape(shapes)
    return copy


def _name(port: Any, otherwise: str) -> str:
    # A tensor may have several names, one of them often the number that tracing gave it.
    names = sorted(port.get_names(), key=lambda name: (name.isdigit(), "/" in name, name))
    return str(names[0]) if names else otherwise


def _sizes(port: Any) -> tuple[int, ...]:
    return tuple(size.get_length() if size.is_static else -1 for size in port.get_partial_shape())


def _opening(name: str, error: Exception) -> InhouseError:
    if isinstance(error, InhouseError):
        return error
    said = str(error)
    if is_out_of_memory(error) or "bad_alloc" in said:
        return OutOfMemoryError(f"The memory does not suffice for {name}.")
    if found := _OPERATIONS.search(said):
        which = next(filter(None, found.groups()), "").strip()
        return ModelUnsupportedError(
            f"{name} holds what OpenVINO cannot run: {which}.", hint="Convert it for another runtime."
        )
    return ModelFormatError(f"{name} is no model that OpenVINO can load: {_telling(said)}")


def _running(error: Exception) -> InhouseError:
    said = str(error)
    if is_out_of_memory(error) or "bad_alloc" in said:
        return OutOfMemoryError("The memory does not suffice for this batch.", hint="Use a smaller batch.")
    if "shape" in said.lower() or "element type" in said.lower():
        return NodeInputError(f"The model does not take these tensors: {_telling(said)}")
    return NodeExecutionError(f"OpenVINO failed: {_telling(said)}")


def _telling(said: str) -> str:
    """Return the first line that is no place in OpenVINO's source, without paths."""
    lines = (line.strip() for line in said.splitlines())
    kept = next((line for line in lines if line and not re.match(r"(Exception from|Check .* failed at)", line)), "")
    return re.sub(r"(?:/[\w.-]+){2,}", "...", kept or "it gives no reason")[:240]
