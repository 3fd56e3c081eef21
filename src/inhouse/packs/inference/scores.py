"""Nodes between a classifier's scores and what people read."""

from __future__ import annotations

from typing import Annotated, Any

from inhouse import Context, Output, Range, Wire, node
from inhouse.errors import ModelFormatError, NodeInputError
from inhouse.packs.inference.texts import asset
from inhouse.packs.inference.wires import Labels, Tensor

_CATEGORY = "inference/scores"


@node("Softmax", category=_CATEGORY)
def softmax(*, tensor: Tensor) -> Annotated[Any, Wire("TENSOR"), Output("scores")]:
    """Turn logits into probabilities along the last axis."""
    import numpy as np

    powers = np.exp(tensor.astype(np.float32) - tensor.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


@node("LoadLabels", category=_CATEGORY, display_name="Load Labels", cacheable=False)
def load_labels(*, context: Context, file: str = "labels.txt") -> Annotated[Any, Wire("LABELS"), Output("labels")]:
    """Load the names of classes, one a line, in order."""
    try:
        lines = asset(context, file).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ModelFormatError(f"{file} is no text in UTF-8.", hint="Write one label a line.") from error
    return tuple(line.strip() for line in lines)


@node("TopK", category=_CATEGORY, display_name="Top K")
def top_k(
    *, scores: Tensor, labels: Labels, k: Annotated[int, Range(1, 1000)] = 5
) -> Annotated[Any, Wire("JSON"), Output("rows")]:
    """Name the k highest scores of each row: ``label``, ``score``, ``index``, the highest first."""
    import numpy as np

    classes = scores.shape[-1]
    if len(labels) != classes:
        raise NodeInputError(f"There are {len(labels)} labels for {classes} classes.", hint="Convert with --labels.")
    count = min(k, classes)
    best = np.argpartition(-scores, count - 1, axis=-1)[:, :count]
    order = np.take_along_axis(best, np.argsort(-np.take_along_axis(scores, best, -1), axis=-1, kind="stable"), -1)
    return [
        [{"label": labels[i], "score": float(row[i]), "index": int(i)} for i in indices]
        for row, indices in zip(scores, order, strict=True)
    ]


NODES = (softmax, load_labels, top_k)
