"""Small models to convert: a classifier of pictures whose normalisation is folded, and an encoder of texts."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import nn

from inhouse.models.artifact import Serving
from inhouse.models.signature import TensorSpec
from inhouse.packs.conversion.model import Draft, SourceModel

if TYPE_CHECKING:
    from inhouse.backends.sessions.base import Feeds

VOCABULARY, WIDTH = 50, 16


class Block(nn.Module):
    """A convolution with its normalisation, added to what it got."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(width)
        self.act = nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = x + self.act(self.norm(self.conv(x)))
        return result


class Pictures(nn.Module):
    """A classifier of pictures of any size, of 10 classes."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.blocks = nn.Sequential(*(Block(8) for _ in range(3)))
        self.head = nn.Linear(8, 10)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor]:
        return (self.head(self.blocks(self.stem(images)).mean((2, 3))) * 3,)


class Attention(nn.Module):
    """Attention with a projection each for query, key and value."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value, self.out = (nn.Linear(WIDTH, WIDTH) for _ in range(4))

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        scores = self.query(x) @ self.key(x).transpose(1, 2) / WIDTH**0.5
        scores = scores.masked_fill(mask[:, None, :] == 0, -1e9)
        result: torch.Tensor = self.out(scores.softmax(-1) @ self.value(x))
        return result


class Layer(nn.Module):
    """Attention and a projection, each normalised."""

    def __init__(self) -> None:
        super().__init__()
        self.attention, self.dense = Attention(), nn.Linear(WIDTH, WIDTH)
        self.before, self.after = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        x = self.before(x + self.attention(x, mask))
        result: torch.Tensor = self.after(x + torch.nn.functional.gelu(self.dense(x)))
        return result


class Texts(nn.Module):
    """An encoder of texts: a vector a token."""

    def __init__(self) -> None:
        super().__init__()
        self.embeddings = nn.Embedding(VOCABULARY, WIDTH)
        self.layers = nn.ModuleList(Layer() for _ in range(3))

    def forward(self, ids: torch.Tensor, attention_mask: torch.Tensor) -> tuple[torch.Tensor]:
        x = self.embeddings(ids)
        for layer in self.layers:
            x = layer(x, attention_mask)
        return (x,)


def pictures(samples: int = 16) -> SourceModel:
    """Return the classifier with samples."""
    module = _seeded(Pictures)
    spread = np.random.default_rng(1)
    rows: list[Feeds] = [{"images": spread.standard_normal((1, 3, 16, 16), np.float32)} for _ in range(samples)]
    return _source(
        "pictures", "image-classification", module, rows, ("height", "width"), {"images": (-3.0, 3.0)}, (8, 24)
    )


def texts(samples: int = 16) -> SourceModel:
    """Return the encoder with samples of different lengths."""
    module = _seeded(Texts)
    spread = np.random.default_rng(1)
    rows: list[Feeds] = []
    for number in range(samples):
        length = 4 + number % 7
        ids = spread.integers(0, VOCABULARY, (1, length))
        rows.append({"ids": ids, "attention_mask": np.ones((1, length), np.int64)})
    values = {"ids": (0.0, VOCABULARY - 1.0), "attention_mask": (0.0, 1.0)}
    return _source("texts", "embeddings", module, rows, ("tokens",), values, (1, 32))


def exported(source: SourceModel, folder: Path) -> Draft:
    """Return the model as an ONNX graph, as torch's exporter by tracing writes it."""
    assert source.module is not None
    folder.mkdir(parents=True, exist_ok=True)
    example = source.samples[0]
    free = {
        spec.name: {axis: size for axis, size in enumerate(spec.shape) if isinstance(size, str)}
        for spec in (*source.inputs, *source.outputs)
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            source.module,
            tuple(torch.from_numpy(example[spec.name]) for spec in source.inputs),
            folder / "model.onnx",
            input_names=[spec.name for spec in source.inputs],
            output_names=[spec.name for spec in source.outputs],
            dynamic_axes=free,
            opset_version=17,
            dynamo=False,
        )
    return Draft(source, folder, Serving("onnxruntime", "model.onnx", threads=1), "onnx", opset=17)


def as_openvino(draft: Draft, precision: str = "fp32") -> Draft:
    """Return the graph as OpenVINO has it."""
    import openvino

    openvino.save_model(openvino.convert_model(draft.model), draft.folder / "model.xml", compress_to_fp16=False)
    serving = Serving("openvino", "model.xml", precision=precision, threads=1)
    return Draft(draft.source, draft.folder, serving, "openvino")


def with_flipped_layer(draft: Draft, layer: str, folder: Path) -> Draft:
    """Return a copy of the graph in which the weights of one layer have the other sign."""
    shutil.copytree(draft.folder, folder)
    model = onnx.load(draft.model)
    wanted = "/" + layer.replace(".", "/") + "/"
    names = {name for node in model.graph.node if _same(node.name, wanted, layer) for name in node.input}
    flipped = [weights for weights in model.graph.initializer if weights.name in names and len(weights.dims) > 1]
    assert len(flipped) == 1, (layer, [weights.name for weights in flipped])
    flipped[0].CopyFrom(numpy_helper.from_array(-numpy_helper.to_array(flipped[0]), flipped[0].name))
    onnx.save(model, folder / "model.onnx")
    return Draft(draft.source, folder, draft.serving, draft.format, opset=draft.opset)


def _same(name: str, wanted: str, layer: str) -> bool:
    dotted = name.strip("/").rpartition("/")[0].replace("/", ".")
    return name.startswith(wanted) or dotted == layer or dotted.endswith(f".{layer}")


def _seeded(kind: type[nn.Module]) -> nn.Module:
    torch.manual_seed(0)
    module = kind().eval()
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            nn.init.uniform_(part.weight, 0.5, 1.5)
            assert part.running_mean is not None
            nn.init.uniform_(part.running_mean, -0.5, 0.5)
    return module


def _source(
    name: str,
    task: str,
    module: nn.Module,
    rows: list[Feeds],
    axes: tuple[str, ...],
    values: Mapping[str, Any],
    limits: Any,
) -> SourceModel:
    def answer(feeds: Feeds) -> dict[str, NDArray[Any]]:
        with torch.inference_mode():
            return {"answer": module(*(torch.from_numpy(np.ascontiguousarray(feeds[n])) for n in feeds))[0].numpy()}

    inputs = tuple(
        TensorSpec(key, str(array.dtype), ("batch", *array.shape[1 : array.ndim - len(axes)], *axes))
        for key, array in rows[0].items()
    )
    shape: tuple[int | str, ...] = ("batch", *axes, WIDTH) if task == "embeddings" else ("batch", 10)
    return SourceModel(
        name=name,
        format="python",
        path=Path(name),
        sha256="0" * 64,
        task=task,
        inputs=inputs,
        outputs=(TensorSpec("answer", "float32", shape),),
        nbytes=sum(weights.nbytes for weights in module.parameters()),
        samples=rows,
        answer=answer,
        limits=dict.fromkeys(axes, limits),
        module=module,
        values=values,
    )
