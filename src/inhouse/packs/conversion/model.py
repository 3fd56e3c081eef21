"""What passes take and give: a model as it came, and a model on its way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from torch import nn

    from inhouse.backends.sessions.base import Feeds
    from inhouse.models.artifact import Serving
    from inhouse.models.receipt import Check, PassRecord
    from inhouse.models.signature import TensorSpec

Precision: TypeAlias = Literal["fp32", "fp16", "bf16", "int8", "int4"]
Target: TypeAlias = Literal["auto", "onnx", "openvino", "tensorrt", "torch-export"]

Answer: TypeAlias = "Callable[[Feeds], Feeds]"
"""A model as a function of tensors by name: NumPy in, NumPy out."""


@dataclass(frozen=True, slots=True)
class Metric:
    """How two answers are compared, and how much may be lost; see `inhouse.packs.conversion.metrics`."""

    name: Literal["cosine", "top-1", "relative", "psnr"]
    max_drop: float


@dataclass(frozen=True, slots=True)
class SourceModel:
    """A model as it came.

    Attributes:
        name: what it is called.
        format: ``transformers``, ``diffusers``, ``safetensors``, ``torch-export``, ``torchscript``, ``onnx``, ``gguf``,
            ``sklearn`` or ``python``.
        path: its file or folder.
        sha256: of the file, or of all files of the folder (hash of ``name digest`` lines, sorted).
        task: as an artifact has it.
        inputs: what it takes, in order; the batch and other free axes have names.
        outputs: what it gives, in order.
        nbytes: of its weights.
        samples: realistic inputs of one row each (arrays with a batch axis of 1), at least 8.
        limits: least and greatest length by name of each free axis.
        module: the model as torch has it, taking tensors in the order of ``inputs`` and returning a tuple; None where
            it came as a graph.
        graph: the ONNX file where it came as one.
        answer: the original as a function, in float32.
        values: by input, the least and greatest value that it takes: a vocabulary's ids, pixels after normalising.
        assets: files that an artifact needs beside the model: ``tokenizer.json``, ``labels.txt``; by name.
        facts: what pipelines want to know: pooling, mean, std, image size, ...

    """

    name: str
    format: str
    path: Path
    sha256: str
    task: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    nbytes: int
    samples: Sequence[Feeds]
    answer: Answer
    limits: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    module: nn.Module | None = None
    graph: Path | None = None
    values: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    assets: Mapping[str, Path] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def metric(self) -> Literal["cosine", "top-1", "relative", "psnr"]:
        """How answers of this task are compared."""
        if self.task.endswith("-classification"):
            return "top-1"
        return {"embeddings": "cosine", "diffusion": "psnr"}.get(self.task, "relative")  # type: ignore[return-value] # the names


@dataclass(frozen=True, slots=True)
class Draft:
    """A model on its way: each pass takes one and gives another.

    Attributes:
        source: what it comes from.
        folder: where its files lie; the passes' own, gone at the end.
        serving: how it would be run now; ``serving.model`` is a file in ``folder``.
        format: ``torch``, ``onnx``, ``openvino``, ``tensorrt`` or ``torch-export``.
        precision: of weights and arithmetic now.
        opset: of an ONNX graph.
        passes: what was done, in order.
        reverted: layers that were taken back to the original precision.
        checks: comparisons so far.

    """

    source: SourceModel
    folder: Path
    serving: Serving
    format: str
    precision: Precision = "fp32"
    opset: int = 0
    passes: tuple[PassRecord, ...] = ()
    reverted: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()

    @property
    def model(self) -> Path:
        """The model's file."""
        return self.folder / self.serving.model

    def after(self, record: PassRecord, **changes: Any) -> Draft:
        """Return what a pass made of it."""
        return replace(self, passes=(*self.passes, record), **changes)
