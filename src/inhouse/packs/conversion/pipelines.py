"""What a service of a converted model takes and gives, and the nodes that lie between its fields and its tensors."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

from inhouse.models.signature import Field, TensorSpec

if TYPE_CHECKING:
    from inhouse.packs.conversion.model import SourceModel

    Link: TypeAlias = list[Any]

TOKENIZER, LABELS = "tokenizer.json", "labels.txt"
"""Names of assets."""
TOP = 5
"""So many labels a picture or a text are answered."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Service:
    """What a service of a model is.

    Attributes:
        fields_in: what it takes.
        fields_out: what it gives.
        pipeline: a workflow in the API format.

    """

    fields_in: tuple[Field, ...]
    fields_out: tuple[Field, ...]
    pipeline: Mapping[str, Any]


def service_of(source: SourceModel, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]) -> Service:
    """Return the service of a model by its task; of one that lacks what its task needs, that of its bare tensors.

    Args:
        source: the model as it came.
        inputs: the tensors that the converted model takes.
        outputs: the tensors that it gives.

    """
    make = _TASKS.get(source.task, _tensors)
    needs = {"embeddings": TOKENIZER, "text-classification": TOKENIZER}.get(source.task)
    if needs is not None and needs not in source.assets:
        _log.warning("%s has no %s: its service takes tensors.", source.name, needs)
        make = _tensors
    if source.task.endswith("-classification") and LABELS not in source.assets:
        _log.warning("%s has no labels: it cannot be published until it is converted with --labels.", source.name)
    return make(source, inputs, outputs)


@dataclass(slots=True)
class _Graph:
    """Nodes of a pipeline, numbered as they come."""

    nodes: dict[str, Any] = field(default_factory=dict)

    def add(self, class_type: str, /, **inputs: Any) -> Link:
        """Add a node and return a link to its first output."""
        number = str(len(self.nodes) + 1)
        self.nodes[number] = {"class_type": class_type, "inputs": inputs}
        return [number, 0]


def _embeddings(source: SourceModel, _: Sequence[TensorSpec], outputs: Sequence[TensorSpec]) -> Service:
    graph = _Graph()
    answer = graph.add("SelectTensor", tensors=_run_on_texts(graph, source), name=outputs[0].name)
    graph.add("ServiceOutput", value=answer, name="embeddings")
    given = Field("embeddings", "tensor", "A vector a text.", dtype="float32", shape=outputs[0].shape[1:])
    return Service((_TEXTS,), (given,), graph.nodes)


def _text_classes(source: SourceModel, _: Sequence[TensorSpec], outputs: Sequence[TensorSpec]) -> Service:
    graph = _Graph()
    return _labelled(graph, _run_on_texts(graph, source), outputs[0].name, _TEXTS)


def _picture_classes(source: SourceModel, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]) -> Service:
    facts = source.facts
    if not {"size", "resize", "mean", "std"} <= facts.keys():
        _log.warning("How %s wants its pictures prepared is not known: its service takes tensors.", source.name)
        return _tensors(source, inputs, outputs)
    graph = _Graph()
    files = graph.add("ServiceInput", name="images", kind="image", value="")
    pictures = graph.add("DecodeImages", files=files, channels=3)
    sized = graph.add(
        "ResizeImages",
        images=pictures,
        size=int(facts["resize"]),
        crop=int(facts["size"]),
        mode=str(facts.get("filter", "bicubic")),
    )
    scaled = graph.add(
        "ScalePixels",
        images=sized,
        mean=", ".join(f"{value:.17g}" for value in facts["mean"]),
        std=", ".join(f"{value:.17g}" for value in facts["std"]),
        layout=str(facts.get("layout", "NCHW")),
    )
    tensors = graph.add("NamedTensor", tensor=scaled, name=inputs[0].name)
    result = graph.add("RunModel", session=graph.add("ServedModel"), tensors=tensors)
    images = Field("images", "image", "A picture: PNG, JPEG, WebP.")
    return _labelled(graph, result, outputs[0].name, images)


def _labelled(graph: _Graph, result: Link, output: str, given: Field) -> Service:
    scores = graph.add("Softmax", tensor=graph.add("SelectTensor", tensors=result, name=output))
    best = graph.add("TopK", scores=scores, labels=graph.add("LoadLabels", file=LABELS), k=TOP)
    graph.add("ServiceOutput", value=best, name="labels")
    labels = Field("labels", "labels", "The likeliest labels of each, with their probabilities.")
    return Service((given,), (labels,), graph.nodes)


def _run_on_texts(graph: _Graph, source: SourceModel) -> Link:
    texts = graph.add("ServiceInput", name=_TEXTS.name, kind=_TEXTS.kind, value="")
    tokenizer = graph.add("LoadTokenizer", file=TOKENIZER, max_length=int(source.facts.get("max_length", 512)))
    tokens = graph.add("Tokenize", tokenizer=tokenizer, texts=texts)
    return graph.add("RunModel", session=graph.add("ServedModel"), tensors=tokens)


def _tensors(_: SourceModel, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]) -> Service:
    graph = _Graph()
    rows = all(spec.batched for spec in (*inputs, *outputs))
    tensors: Link | None = None
    for spec in inputs:
        given = graph.add("ServiceInput", name=spec.name, kind="tensor", value="")
        more = {} if tensors is None else {"tensors": tensors}
        tensors = graph.add("NamedTensor", tensor=given, name=spec.name, **more)
    result = graph.add("RunModel", session=graph.add("ServedModel"), tensors=tensors)
    for spec in outputs:
        answer = graph.add("SelectTensor", tensors=result, name=spec.name)
        graph.add("ServiceOutput", value=answer, name=spec.name)
    return Service(
        tuple(_field(spec, rows=rows) for spec in inputs),
        tuple(_field(spec, rows=rows) for spec in outputs),
        graph.nodes,
    )


def _field(spec: TensorSpec, *, rows: bool) -> Field:
    return Field(spec.name, "tensor", rows=rows, dtype=spec.dtype, shape=spec.shape[1:] if rows else spec.shape)


_TEXTS = Field("texts", "text", "Texts, each by itself.", example="The cat sat on the mat.")
_TASKS: Mapping[str, Callable[[SourceModel, Sequence[TensorSpec], Sequence[TensorSpec]], Service]] = MappingProxyType(
    {
        "embeddings": _embeddings,
        "text-classification": _text_classes,
        "image-classification": _picture_classes,
    }
)
