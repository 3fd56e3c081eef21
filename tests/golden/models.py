"""Where the golden checkpoints lie: made once, in a folder that git does not see, shared by tests and benchmarks."""

from __future__ import annotations

from pathlib import Path

from tests.golden.checkpoints import KINDS, write

MODELS = Path(__file__).parents[2] / ".cache" / "golden"
FILES = {kind: MODELS / name for kind, (name, _) in KINDS.items()}


def make_models(*kinds: str) -> None:
    """Make the checkpoints that are not there yet; the largest, ``sdxl``, takes some minutes and 2.9 GB."""
    for kind in kinds:
        if not FILES[kind].exists():
            write(kind, MODELS)


def kinds_named(workflow: str) -> list[str]:
    """Return the kinds of checkpoint that a workflow names; textual inversions may go without their file's ending."""
    return [
        kind
        for kind, path in FILES.items()
        if path.name in workflow or (path.parent.name == "embeddings" and path.stem in workflow)
    ]
