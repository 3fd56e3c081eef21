"""What comes out of a model, made fit for callers: vectors, probabilities, labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from inhouse.errors import NodeInputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def mean_pool(states: NDArray[Any], mask: NDArray[Any]) -> NDArray[Any]:
    """Return the mean over the tokens that the mask has 1 for: (texts, tokens, width) to (texts, width).

    Reimers and Gurevych (2019), Sentence-BERT, https://arxiv.org/abs/1908.10084.

    Raises:
        NodeInputError: the mask is not (texts, tokens).

    """
    if states.ndim != 3 or mask.shape != states.shape[:2]:
        raise NodeInputError(f"A mask of shape {list(mask.shape)} does not fit {list(states.shape)}.")
    weights = mask.astype(states.dtype)[:, None, :]
    pooled: NDArray[Any] = (weights @ states)[:, 0] / np.maximum(weights.sum(2), 1e-9)
    return pooled


def normalize(vectors: NDArray[Any]) -> NDArray[Any]:
    """Return vectors of length 1 along the last axis; one of length 0 stays."""
    lengths = np.sqrt(np.square(vectors).sum(-1, keepdims=True))
    unit: NDArray[Any] = vectors / np.maximum(lengths, 1e-12)
    return unit


def softmax(scores: NDArray[Any]) -> NDArray[Any]:
    """Return probabilities along the last axis."""
    raised = np.exp(scores - scores.max(-1, keepdims=True))
    shares: NDArray[Any] = raised / raised.sum(-1, keepdims=True)
    return shares


def top(scores: NDArray[Any], labels: Sequence[str], count: int) -> list[list[dict[str, Any]]]:
    """Return for each row the ``count`` best, the best first: ``{label, score, index}``.

    Raises:
        NodeInputError: there are not as many labels as scores.

    """
    if scores.ndim != 2 or scores.shape[1] != len(labels):
        raise NodeInputError(
            f"There are {len(labels)} labels for scores of shape {list(scores.shape)}.", hint="Give the model's own."
        )
    best = np.argsort(-scores, axis=1, kind="stable")[:, :count].tolist()
    values = scores.tolist()
    return [
        [{"label": labels[index], "score": row[index], "index": index} for index in order]
        for row, order in zip(values, best, strict=True)
    ]
