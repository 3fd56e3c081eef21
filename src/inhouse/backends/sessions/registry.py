"""Every runtime by name, and which is the best for a file on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from inhouse.backends.sessions.base import SessionOptions
from inhouse.backends.sessions.onnxruntime import OnnxRuntime
from inhouse.backends.sessions.openvino import OpenVino
from inhouse.backends.sessions.tensorrt import TensorRt
from inhouse.backends.sessions.torch_export import TorchExport
from inhouse.errors import ModelUnsupportedError, UsageError

if TYPE_CHECKING:
    from inhouse.backends.sessions.base import Runtime, Session

RUNTIMES: Mapping[str, Runtime] = MappingProxyType(
    {found.name: found for found in (TensorRt(), OpenVino(), OnnxRuntime(), TorchExport())}
)
"""Those there are; of two that can run a file, the first is preferred."""


def open_session(
    runtime: str, model: Path, options: SessionOptions | None = None, runtimes: Mapping[str, Runtime] = RUNTIMES
) -> Session:
    """Load a model file; see `Runtime.open` for what it raises.

    Raises:
        UsageError: there is no runtime of that name, too.

    """
    if runtime not in runtimes:
        raise UsageError(f"There is no runtime {runtime}.", hint=f"There are {', '.join(runtimes)}.")
    return runtimes[runtime].open(model, options or SessionOptions())


def best_runtime(model: Path, device: str = "cpu", runtimes: Mapping[str, Runtime] = RUNTIMES) -> str:
    """Return the name of the first runtime that loads such files and can be used on this machine.

    Raises:
        ModelUnsupportedError: none does.
        UsageError: some do, and none can be used here; each says why.

    """
    fitting = [found for found in runtimes.values() if model.suffix in found.suffixes]
    if not fitting:
        raise ModelUnsupportedError(f"No runtime loads files such as {model.name}.", hint="Convert it first.")
    reasons = {found.name: found.lacking(device) for found in fitting}
    if usable := [name for name, reason in reasons.items() if not reason]:
        return usable[0]
    raise UsageError(f"{model.name} cannot be run on {device}: {'; '.join(reasons.values())}.")
