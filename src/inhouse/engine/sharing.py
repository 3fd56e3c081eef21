"""Implicit wires: who reads which value of ``context.shared`` from whom.

A reader gets a name from the last node, in the order of the file, that writes it and does not itself depend on the
reader. A node that reads and writes a name reads what the writers before it left. So the result never depends on
which of two unconnected nodes happens to run first.
"""

from __future__ import annotations

import string
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from inhouse.engine.workflow import Link

if TYPE_CHECKING:
    from collections.abc import Callable

    from inhouse.engine.node import NodeSpec

Names = Sequence[str]


def shared_names(declared: Names, inputs: Mapping[str, Any]) -> tuple[str, ...]:
    """Fill in ``{input}`` in declared names from literal inputs; a name whose input is linked stays out."""
    names = []
    for template in declared:
        if "{" in template:
            fields = [field for _, field, _, _ in string.Formatter().parse(template) if field]
            if all(field in inputs and inputs[field].__class__ is not Link for field in fields):
                names.append(template.format(**{field: inputs[field] for field in fields}))
        else:
            names.append(template)
    return tuple(names)


def implicit_sources(
    order: Sequence[str],
    specs: Mapping[str, NodeSpec],
    inputs: Mapping[str, Mapping[str, Any]],
    sources: Callable[[str], Sequence[str]],
) -> dict[str, dict[str, str]]:
    """Return, for each reader, the writer of each name it reads: ``{reader: {name: writer}}``.

    Args:
        order: ids of all nodes there are, sources first.
        specs: their declarations.
        inputs: their inputs.
        sources: the ids that a node has wires from.

    """
    reads = {i: shared_names(specs[i].reads, inputs[i]) for i in order if specs[i].reads}
    writers: dict[str, list[str]] = defaultdict(list)
    for node_id in order:
        if specs[node_id].writes:
            for name in shared_names(specs[node_id].writes, inputs[node_id]):
                writers[name].append(node_id)
    upstream = _readers_upstream(order, reads, sources)
    place = {node_id: position for position, node_id in enumerate(order)}
    found: dict[str, dict[str, str]] = {}
    for bit, (reader, names) in enumerate(reads.items()):
        for name in names:
            candidates = writers.get(name, [])
            end = bisect_left(candidates, place[reader], key=place.__getitem__)
            if not (end < len(candidates) and candidates[end] == reader):
                end = len(candidates)
            for writer in (candidates[i] for i in range(end - 1, -1, -1)):
                if not upstream[writer] >> bit & 1:
                    found.setdefault(reader, {})[name] = writer
                    break
    return found


def _readers_upstream(
    order: Sequence[str], reads: Mapping[str, Any], sources: Callable[[str], Sequence[str]]
) -> dict[str, int]:
    """Return for each node a bit set of the readers that it is, or depends on."""
    bits = {reader: 1 << position for position, reader in enumerate(reads)}
    upstream: dict[str, int] = {}
    for node_id in order:
        mask = bits.get(node_id, 0)
        for source in sources(node_id):
            mask |= upstream.get(source, 0)
        upstream[node_id] = mask
    return upstream
