"""The cache: results by key, within a budget of bytes, least recently used out first."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

_SLOT_BYTES = 64
"""What a small object costs in a list or mapping, roughly."""
_SMALL = frozenset({int, float, bool, type(None)})


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a node gave.

    Attributes:
        slots: for each output the list of its values (one, unless lists were mapped).
        ui: what it shows.
        writes: what it wrote into ``context.shared``; written again when the outcome is reused.

    """

    slots: Sequence[Sequence[Any]]
    ui: Mapping[str, Any] | None = None
    writes: Mapping[str, Any] = field(default_factory=dict)


class Cache:
    """Outcomes by key. Safe to use from several threads.

    Args:
        max_bytes: the budget; an outcome larger than it is not kept. 0 keeps nothing.

    Attributes:
        bytes: what is kept now, roughly.
        hits: how often what was asked for was there.
        misses: how often it was not.

    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.bytes = 0
        self.hits = 0
        self.misses = 0
        self._entries: OrderedDict[bytes, tuple[Outcome, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: bytes) -> Outcome | None:
        """Return the outcome stored under ``key``, and count it as used now."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                self.misses += 1
                return None
            self.hits += 1
            self._entries.move_to_end(key)
            return entry[0]

    def put(self, key: bytes, outcome: Outcome) -> None:
        """Store an outcome; the least recently used leave until it fits."""
        size = measure((outcome.slots, outcome.ui, outcome.writes or None))
        if size > self.max_bytes:
            return
        with self._lock:
            if key in self._entries:
                self.bytes -= self._entries.pop(key)[1]
            while self.bytes + size > self.max_bytes:
                self.bytes -= self._entries.popitem(last=False)[1][1]
            self._entries[key] = (outcome, size)
            self.bytes += size

    def outcomes(self) -> list[Outcome]:
        """Return what is kept now, the least recently used first."""
        with self._lock:
            return [outcome for outcome, _ in self._entries.values()]

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._entries.clear()
            self.bytes = 0

    def __len__(self) -> int:
        return len(self._entries)


def measure(value: Any) -> int:
    """Return roughly how many bytes a value keeps alive.

    Whatever has ``nbytes`` (arrays, tensors, models) is believed; containers and dataclasses are walked without
    recursion, and an object that stands in several places counts once.
    """
    total = 0
    seen: set[int] = set()
    stack = [value]
    while stack:
        item = stack.pop()
        kind = item.__class__
        if kind in _SMALL:
            total += _SLOT_BYTES
            continue
        if id(item) in seen:
            continue
        seen.add(id(item))
        total += _SLOT_BYTES
        if kind is tuple or kind is list:
            stack += item
        elif kind is str or kind is bytes:
            total += len(item)
        elif isinstance(item, Mapping):
            stack += item.values()
            total += _SLOT_BYTES * len(item)
        elif isinstance(item, list | tuple | set | frozenset):
            stack += item
        elif isinstance(nbytes := getattr(item, "nbytes", None), int):
            total += nbytes
        elif is_dataclass(kind):
            stack += [getattr(item, field.name, None) for field in fields(kind)]
    return total
