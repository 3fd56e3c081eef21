"""Cache keys: one Merkle hash a node, made from its own literals and its parents' keys."""

from __future__ import annotations

import hashlib
import inspect
import marshal
from typing import TYPE_CHECKING, Any

from inhouse.engine.workflow import Link

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inhouse.engine.node import NodeSpec
    from inhouse.engine.task import Task

_FLAT = 2
"""The last version of marshal that writes equal values as equal bytes (later ones mark shared objects)."""


def node_key(task: Task, fingerprint: Any) -> bytes | None:
    """Return the key of a task whose parents have theirs; None when its result must not be reused.

    Args:
        task: the node; its sources and writers have their keys.
        fingerprint: what the node's own fingerprint function said; plain data.

    """
    spec = task.spec
    if not spec.cacheable:
        return None
    parts: list[Any] = [spec.id, fingerprint]
    if spec.keyed_by_id:
        parts.append(task.id)
    for name, value in task.inputs.items():
        if value.__class__ is Link:
            source_key = task.sources[name].key
            if source_key is None:
                return None
            parts.append((name, source_key, value.slot))
        else:
            parts.append((name, value))
    for name, writer in task.writers.items():
        if writer.key is None:
            return None
        parts.append((name, writer.key))
    try:
        data = marshal.dumps(parts, _FLAT)
    except ValueError:  # an object that only an expansion can hold: its place in the expansion stands for it
        if not task.inherited:
            return None
        data = marshal.dumps([task.inherited, task.id, spec.id, [s.key for s in task.sources.values()]], _FLAT)
    return hashlib.blake2b(data, digest_size=16).digest()


def fingerprint_needs(spec: NodeSpec, inputs: Mapping[str, Any]) -> list[str]:
    """Return the names of the linked inputs whose values the node's fingerprint function looks at."""
    if spec.fingerprint is None:
        return []
    wanted = inspect.signature(spec.fingerprint).parameters
    return [name for name, value in inputs.items() if value.__class__ is Link and name in wanted]
