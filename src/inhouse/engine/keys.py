"""Cache keys: one Merkle hash a node, made from its own literals and its parents' keys."""

from __future__ import annotations

import marshal
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from inhouse.engine.workflow import Link

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from inhouse.engine.node import NodeSpec

_FLAT = 2
"""The last version of marshal that writes equal values as equal bytes (later ones mark shared objects)."""
_SCALARS = frozenset({str, int, float, bool, type(None), bytes})
"""Types whose marshalled bytes say all there is to say; of an array they would leave out the shape."""


def node_key(
    spec: NodeSpec,
    inputs: Mapping[str, Any],
    keys: Mapping[str, bytes | None],
    more: Sequence[Any] = (),
    place: tuple[bytes, str] | None = None,
) -> bytes | None:
    """Return the key of a node whose parents have theirs; None when its result must not be reused.

    Args:
        spec: its declaration.
        inputs: its inputs.
        keys: the keys of the nodes it is linked to, by id.
        more: what else decides the result: its fingerprint, its id, values that it finds without a wire.
        place: for a node of an expansion, what the expansion follows from and the node's place in it. It stands for
            objects, of which no key can be made, and which only an expansion can hold.

    """
    parts: list[Any] = [spec.id, *more]
    eager = spec.eager
    for name in spec.inputs:  # in the declared order: how a file orders them means nothing
        if name not in inputs:
            continue
        value = inputs[name]
        kind = value.__class__
        if kind in _SCALARS:
            parts.append((name, value))
        elif kind is Link:
            key = keys[value[0]]
            if key is None:
                return None
            parts.append((name, key, value[1]) if eager else (name, key, value[1], value[0]))
        else:
            if not is_plain(value):
                if place is None:
                    return None
                value = place
            parts.append((name, value))
    try:
        return blake2b(marshal.dumps(parts, _FLAT), digest_size=16).digest()
    except ValueError:  # nested too deeply
        return None


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
