"""OpenVINO: Intel's runtime for processors, which fuses a network's operations and orders its weights in advance."""

from __future__ import annotations

import importlib.util
import logging
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inhouse.backends.own_log import own_log
from inhouse.packs.diffusion.engines.base import Compiled, Shape, Told
from inhouse.packs.diffusion.engines.files import EngineFiles, identity

if TYPE_CHECKING:
    from torch import Tensor, nn

_log = logging.getLogger(__name__)
_MODEL = "model.xml"
_PRECISIONS = {"float32": "f32", "bfloat16": "bf16", "float16": "f16"}


@dataclass(frozen=True, slots=True)
class OpenVino:
    """Runs networks with OpenVINO, on the processor.

    Attributes:
        device: where networks compute otherwise.
        files: where converted networks are kept.

    """

    device: str = "cpu"
    files: EngineFiles = field(default_factory=EngineFiles)

    @property
    def name(self) -> str:
        """What messages call it."""
        return "openvino"

    def lacking(self) -> str:
        """Return why it cannot be used on this machine; empty where it can."""
        if importlib.util.find_spec("openvino") is None:
            return "OpenVINO is not installed: pip install 'inhouse[openvino]'"
        return "" if self.device == "cpu" else f"it runs on processors, and the model is on {self.device}"

    def compile(self, network: nn.Module, shape: Shape, example: Told) -> Compiled:
        """Return the network compiled; see `Engine.compile`."""
        import numpy as np
        import openvino
        import torch

        key = f"openvino-{identity(network, openvino.__version__, shape)}"
        folder = self.files.made(key, _converting(network, shape, example))
        hints = {"INFERENCE_PRECISION_HINT": _PRECISIONS[shape.dtype], "INFERENCE_NUM_THREADS": torch.get_num_threads()}
        request = openvino.Core().compile_model(folder / _MODEL, "CPU", hints).create_infer_request()
        dtype = example[0].dtype

        def call(told: Told) -> Tensor:
            arrays = [np.ascontiguousarray(tensor.float().numpy()) for tensor in told]
            found = request.infer(arrays, share_inputs=True)
            return torch.from_numpy(found[0]).to(dtype)

        return call


def _converting(network: nn.Module, shape: Shape, example: Told) -> Callable[[Path], object]:
    def convert(folder: Path) -> None:
        import openvino
        import torch

        from inhouse.packs.diffusion.engines.exporting import examples, exportable

        _log.info("Converting a network of %s for OpenVINO; this is done once.", shape.sizes[0])
        shapes: list[Any] = [openvino.PartialShape([-1, *size]) for size in shape.sizes]
        with torch.no_grad(), own_log(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of tracing, for its developers
            model = openvino.convert_model(exportable(network, shape), example_input=examples(example), input=shapes)
        openvino.save_model(model, folder / _MODEL, compress_to_fp16=shape.dtype != "float32")

    return convert
