"""Cache keys: one Merkle hash a node, made from its own literals and its parents' keys."""

from __future__ import annotations

import marshal
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from inhouse.engine.workflow import Link

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from inhouse.engine.task import Task

_FLAT = 2
"""The last version of marshal that writes equal values as equal bytes (later ones mark shared objects)."""
_SCALARS = frozenset({str, int, float, bool, type(None), bytes})
"""Types whose marshalled bytes say all there is to say; of an array they would leave out the shape."""
_OPAQUE = object()
"""Stands for a value that no key can be made of."""


def node_key(
    task: Task,
    keys: Mapping[str, bytes | None],
    fingerprint: Sequence[Any] = (),
    found: Sequence[tuple[str, Any]] = (),
) -> bytes | None:
    """Return the key of a task whose parents have theirs; None when its result must not be reused.

    Args:
        task: the node.
        keys: the keys of its sources and writers, by id.
        fingerprint: what the node's own fingerprint function said of each call.
        found: names of ``context.shared`` it reads and no node writes, with what is there.

    """
    spec = task.spec
    if not spec.cacheable or (fingerprint and not is_plain(fingerprint)):
        return None
    parts: list[Any] = [spec.id, task.id if spec.keyed_by_id else None, fingerprint]
    reusable = _add_inputs(parts, task, keys)
    if reusable and (task.implicit or found):
        written = [(name, keys[writer]) for name, writer in task.implicit.items()]
        reusable = all(key is not None for _, key in written)
        parts.append(written)
        parts.extend(item if is_plain(item) else _OPAQUE for item in found)
    if not reusable or (_OPAQUE in parts and not task.inherited):
        return None
    if task.inherited:  # for an object that only an expansion can hold, its place in the expansion stands
        parts = [(task.inherited, task.id) if part is _OPAQUE else part for part in parts]
    try:
        return blake2b(marshal.dumps(parts, _FLAT), digest_size=16).digest()
    except ValueError:  # nested too deeply
        return None


def _add_inputs(parts: list[Any], task: Task, keys: Mapping[str, bytes | None]) -> bool:
    """Add a task's inputs to what its key is made of; return whether all that they are linked to have keys."""
    given, eager = task.inputs, task.spec.eager
    for name in task.spec.inputs:  # in the declared order: how a file orders them means nothing
        if name not in given:
            continue
        value = given[name]
        kind = value.__class__
        if kind in _SCALARS:
            parts.append((name, value))
        elif kind is Link:
            source_key = keys[value[0]]
            if source_key is None:
                return False
            parts.append((name, source_key, value[1]) if eager else (name, source_key, value[1], value[0]))
        else:
            parts.append((name, value) if is_plain(value) else _OPAQUE)
    return True


def is_plain(value: Any) -> bool:
    """Whether a value consists of JSON's types (and tuples and bytes) only."""
    stack = [value]
    seen: set[int] = set()
    while stack:
        item = stack.pop()
        kind = item.__class__
        if kind in _SCALARS or id(item) in seen:
            continue
        seen.add(id(item))
        if kind is list or kind is tuple:
            stack += item
        elif kind is dict:
            stack += item
            stack += item.values()
        else:
            return False
    return True
