"""History: what became of runs, as ComfyUI's clients read it. What is stored as JSON goes through as it is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def queue_item(number: float, run_id: str, workflow: str, extra: str, targets: Sequence[str]) -> str:
    """Return a run as queue and history show it, as JSON: ``[number, id, workflow, extra, targets]``.

    Args:
        number: its place in the queue.
        run_id: its id.
        workflow: JSON of the workflow.
        extra: JSON of what came with it.
        targets: the output nodes to run.

    """
    return f"[{json.dumps(number)},{json.dumps(run_id)},{workflow},{extra},{json.dumps(list(targets))}]"


def history_entry(item: str, outputs: str, status: str, meta: str) -> str:
    """Return what became of a run, as JSON.

    Args:
        item: what ``queue_item`` returned.
        outputs: JSON of what its nodes show.
        status: JSON of how it ended.
        meta: JSON of which node each output belongs to.

    """
    return f'{{"prompt":{item},"outputs":{outputs},"status":{status},"meta":{meta}}}'


def history(entries: Iterable[tuple[str, str]]) -> str:
    """Return entries by the ids of their runs, as JSON; oldest first is the order that clients expect."""
    return "{" + ",".join(f"{json.dumps(run_id)}:{entry}" for run_id, entry in entries) + "}"
