"""ONNX Runtime: runs a network as an ONNX graph, on processors and cards of many makers."""

from __future__ import annotations

import importlib.util
import logging
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from inhouse.packs.diffusion.engines.base import Compiled, Shape, Told
from inhouse.packs.diffusion.engines.files import EngineFiles, identity

if TYPE_CHECKING:
    from torch import Tensor, nn

_log = logging.getLogger(__name__)
_MODEL = "model.onnx"
_PACKAGES = ("onnx", "onnxscript", "onnxruntime")
_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


@dataclass(frozen=True, slots=True)
class OnnxRuntime:
    """Runs networks with ONNX Runtime, in float32.

    Attributes:
        device: where networks compute.
        files: where exported networks are kept.

    """

    device: str = "cpu"
    files: EngineFiles = field(default_factory=EngineFiles)

    @property
    def name(self) -> str:
        """What messages call it."""
        return "onnxruntime"

    def lacking(self) -> str:
        """Return why it cannot be used on this machine; empty where it can."""
        missing = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
        if missing:
            return f"{' and '.join(missing)} not installed: pip install 'inhouse[onnx]'"
        import onnxruntime

        provider = self._provider
        if provider not in onnxruntime.get_available_providers():
            return f"this build of ONNX Runtime has nothing for {self.device}"
        return ""

    @property
    def _provider(self) -> str:
        return _PROVIDERS.get(self.device.partition(":")[0], "")

    def compile(self, network: nn.Module, shape: Shape, example: Told) -> Compiled:
        """Return the network compiled; see `Engine.compile`."""
        import onnxruntime
        import torch

        key = f"onnx-{identity(network, torch.__version__, shape)}"
        folder = self.files.made(key, _exporting(network, shape, example))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        session = onnxruntime.InferenceSession(str(folder / _MODEL), options, providers=[self._provider])
        names = [declared.name for declared in session.get_inputs()]
        x = example[0]

        def call(told: Told) -> Tensor:
            feeds = {name: tensor.float().cpu().numpy() for name, tensor in zip(names, told, strict=True)}
            return torch.from_numpy(session.run(None, feeds)[0]).to(x.device, x.dtype)

        return call


def _exporting(network: nn.Module, shape: Shape, example: Told) -> Callable[[Path], object]:
    def export(folder: Path) -> None:
        import torch

        from inhouse.packs.diffusion.engines.exporting import examples, exportable

        _log.info("Exporting a network of %s to ONNX; this is done once.", shape.sizes[0])
        batch = torch.export.Dim("batch", min=1)
        axes = [{0: batch} for _ in shape.names]
        # A function of any number of tensors has its sizes told as one tuple behind those that have names.
        dynamic = (*axes[:2], tuple(axes[2:]))
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the exporter, for its developers
            program = torch.onnx.export(
                exportable(network, shape),
                examples(example),
                dynamo=True,
                dynamic_shapes=dynamic,
                verbose=False,
            )
        assert program is not None
        program.save(folder / _MODEL, external_data=True)

    return export
