"""Labels of metrics, of which there must never be many: each costs memory here and in whatever collects them."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

OTHER = "other"
_LONGEST = 64


class Labels:
    """The first ``limit`` values stand for themselves, all others for ``other``."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._known: set[str] = set()

    def __call__(self, value: str) -> str:
        """Return the label of a value."""
        if value not in self._known:
            if len(self._known) >= self._limit:
                return OTHER
            self._known.add(value)
        return value


def workflow_label(workflow: Mapping[str, Any], name: str | None = None) -> str:
    """Return what a workflow is called in metrics: its name, or else ``#`` and a hash of its shape.

    Its shape is which kinds of nodes it has and which are linked to which; seeds, texts and sizes are not part of it,
    so that the runs of one workflow count as one.

    Args:
        workflow: in the API format; what is malformed in it does not count.
        name: what its author calls it.

    """
    if name and name.strip():
        return name.strip()[:_LONGEST]
    kinds = {key: str(node.get("class_type")) for key, node in workflow.items() if isinstance(node, dict)}
    lines = []
    for key, kind in kinds.items():
        inputs = workflow[key].get("inputs")
        given = inputs.items() if isinstance(inputs, dict) else ()
        lines.append(f"{kind}({','.join(sorted(f'{field}={_source(value, kinds)}' for field, value in given))})")
    return "#" + hashlib.sha256("\n".join(sorted(lines)).encode("utf-8", "replace")).hexdigest()[:8]


def _source(value: Any, kinds: Mapping[str, str]) -> str:
    """Return the kind of node that an input is linked to; empty for a literal."""
    is_link = isinstance(value, list) and len(value) == 2 and isinstance(value[0], str)
    return f"{kinds.get(value[0], '')}.{value[1]}" if is_link else ""
