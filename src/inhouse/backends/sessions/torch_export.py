"""torch.export: programs that torch itself runs, as they are or compiled."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from inhouse.backends.memory import is_out_of_memory
from inhouse.backends.sessions.base import Runtime, Session, SessionOptions
from inhouse.backends.sessions.feeds import fitting
from inhouse.errors import (
    ModelFormatError,
    ModelNotFoundError,
    NodeExecutionError,
    NodeInputError,
    OutOfMemoryError,
    UsageError,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from inhouse.backends.sessions.base import Feeds

_TYPES = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}


class TorchExport(Runtime):
    """Loads ``.pt2`` files of `torch.export.save`.

    Options that it understands: ``compile`` (whether `torch.compile` makes code of it at the first call of each shape).
    """

    name: ClassVar[str] = "torch-export"
    suffixes: ClassVar[tuple[str, ...]] = (".pt2",)

    def lacking(self, device: str = "cpu") -> str:
        """See `Runtime.lacking`."""
        if importlib.util.find_spec("torch") is None:
            return "torch is not installed: pip install 'inhouse[torch]'"
        kind = device.partition(":")[0]
        if kind == "cpu":
            return ""
        import torch

        there = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
        return "" if there is not None and there.type == kind else f"torch finds no {device} on this machine"

    def open(self, model: Path, options: SessionOptions) -> Session:
        """See `Runtime.open`."""
        if reason := self.lacking(options.device):
            raise UsageError(f"{model.name} cannot be run: {reason}.")
        if options.precision not in _TYPES:
            raise UsageError(f"torch computes in {', '.join(_TYPES)}, not in {options.precision}.")
        if not model.is_file():
            raise ModelNotFoundError(f"{model.name} is not there.")
        import torch

        try:
            program = torch.export.load(str(model))
        except Exception as error:
            if is_out_of_memory(error):
                raise OutOfMemoryError(f"The memory does not suffice for {model.name}.") from error
            raise ModelFormatError(
                f"{model.name} is no program that torch can load.", hint="Export it again."
            ) from error
        if options.threads:
            torch.set_num_threads(options.threads)
        return TorchExportSession(program, options)


class TorchExportSession(Session):
    """A program as a module; what it is given in float32 it computes in the session's precision."""

    def __init__(self, program: Any, options: SessionOptions) -> None:
        import torch

        signature = program.graph_signature
        metas = {node.name: node.meta["val"] for node in program.graph.nodes if node.op == "placeholder"}
        self._device, self._type = options.device, getattr(torch, _TYPES[options.precision])
        self._types: dict[str, Any] = {name: metas[name].dtype for name in signature.user_inputs}
        self.inputs = {name: (_numpy(metas[name].dtype), _axes(metas[name])) for name in signature.user_inputs}
        count = len(signature.user_outputs)
        self.outputs = ("output",) if count == 1 else tuple(f"output_{number}" for number in range(count))
        module = program.module().to(self._device)
        self._module = torch.compile(module) if options.options.get("compile") else module

    def run(self, feeds: Feeds) -> dict[str, NDArray[Any]]:
        """See `Session.run`."""
        import torch

        arrays = fitting(self.inputs, feeds)
        given = [torch.tensor(array, device=self._device) for array in arrays]
        mixed = torch.autocast(self._device.partition(":")[0], self._type, enabled=self._type != torch.float32)
        try:
            with torch.inference_mode(), mixed:
                found = self._module(*given)
        except Exception as error:
            if is_out_of_memory(error):
                raise OutOfMemoryError(
                    "The memory does not suffice for this batch.", hint="Use a smaller batch."
                ) from error
            said = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
            if "Guard failed" in str(error) or "shape" in said.lower():
                raise NodeInputError(f"The program does not take these tensors: {said}") from error
            raise NodeExecutionError(f"torch failed: {said}") from error
        leaves = torch.utils._pytree.tree_leaves(found)  # noqa: SLF001 - torch.export's own notion of outputs
        return {
            name: (leaf.float() if leaf.is_floating_point() and leaf.dtype != torch.float64 else leaf).cpu().numpy()
            for name, leaf in zip(self.outputs, leaves, strict=True)
        }

    def close(self) -> None:
        """See `Session.close`."""
        self._module = None


def _numpy(dtype: Any) -> Any:
    import numpy as np

    return np.dtype(str(dtype).removeprefix("torch."))


def _axes(value: Any) -> tuple[int | str, ...]:
    """Return axes; a free one has the name of torch's symbol, so that equal ones are seen to be equal."""
    return tuple(size if isinstance(size, int) else str(size) for size in value.shape)
