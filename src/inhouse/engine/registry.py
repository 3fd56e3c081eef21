"""The registry: every node that an engine knows, and the sources of its choices."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from inhouse.errors import InhouseError, RegistryError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from inhouse.engine.markers import Choices
    from inhouse.engine.node import NodeSpec
    from inhouse.errors import Fault


@dataclass(frozen=True, slots=True)
class ChoiceSource:
    """Where choices come from.

    Attributes:
        names: from the rest of the source's name to what may be chosen now.
        where: from the same to what a user should know of the place, such as its folders.
        code: the stable code of the fault when a value is not among the choices.
        accepts: whether a value that is not among the names will do all the same; may raise what is wrong with it.

    """

    names: Callable[[str], Sequence[str]]
    where: Callable[[str], str] | None = None
    code: str = "value_not_in_list"
    accepts: Callable[[str, str], bool] | None = None


class Registry:
    """Nodes by id. An id belongs to one pack; a second claim is an error.

    Args:
        nodes: what the registry starts with.
        sources: where choices come from: ``{"models": s}`` answers ``Choices("models/loras")`` with
            ``s.names("loras")``.

    """

    def __init__(self, nodes: Iterable[NodeSpec] = (), sources: Mapping[str, ChoiceSource] | None = None) -> None:
        self._nodes: dict[str, NodeSpec] = {}
        self._sources = MappingProxyType(dict(sources or {}))
        self.add(nodes)

    def add(self, nodes: Iterable[NodeSpec], pack: str = "") -> None:
        """Register nodes under the name of their pack.

        Raises:
            RegistryError: an id is taken already; both packs are named and nothing is added.

        """
        fresh: dict[str, NodeSpec] = {}
        for given in nodes:
            spec = replace(given, pack=pack) if pack else given
            taken = self._nodes.get(spec.id) or fresh.get(spec.id)
            if taken is not None:
                raise RegistryError(
                    f"Node id {spec.id!r} is declared by pack {taken.pack!r} and by {spec.pack!r}.",
                    hint="Rename one, or load one pack only.",
                    node_id=spec.id,
                )
            fresh[spec.id] = spec
        self._nodes.update(fresh)

    def with_sources(self, sources: Mapping[str, ChoiceSource]) -> Registry:
        """Return a view of the same nodes in which some choices come from elsewhere, such as a user's own folder."""
        view = Registry(sources={**self._sources, **sources})
        view._nodes = self._nodes
        return view

    def extended(self, nodes: Iterable[NodeSpec]) -> Registry:
        """Return a registry of these nodes and more, with the same sources; this one stays as it is.

        Raises:
            RegistryError: an id is taken already.

        """
        registry = Registry(sources=self._sources)
        registry._nodes = dict(self._nodes)
        registry.add(nodes)
        return registry

    def get(self, node_id: str) -> NodeSpec | None:
        """Return the node of that id, or None."""
        return self._nodes.get(node_id)

    def __getitem__(self, node_id: str) -> NodeSpec:
        return self._nodes[node_id]

    def __contains__(self, node_id: object) -> bool:
        return node_id in self._nodes

    def __iter__(self) -> Iterator[NodeSpec]:
        return iter(self._nodes.values())

    def __len__(self) -> int:
        return len(self._nodes)

    def similar(self, node_id: str) -> list[str]:
        """Return up to three ids that look like the given one."""
        by_lower = {known.lower(): known for known in self._nodes}
        return [by_lower[name] for name in difflib.get_close_matches(node_id.lower(), by_lower, 3, 0.6)]

    def choices(self, choices: Choices) -> tuple[str, ...]:
        """Return what may be chosen now; a source that nobody provides offers nothing."""
        if isinstance(choices.source, tuple):
            return choices.source
        source, rest = self._source(choices.source)
        return tuple(source.names(rest)) if source else ()

    def refine(self, fault: Fault, choices: Choices, value: object) -> Fault | None:
        """Give a fault about a choice the code of its source, and the place that was looked in; None if it is none."""
        if isinstance(choices.source, tuple):
            return fault
        source, rest = self._source(choices.source)
        if source is None:
            return fault
        try:
            if source.accepts is not None and isinstance(value, str) and source.accepts(rest, value):
                return None
        except InhouseError as error:
            return replace(fault, code=error.code, message=error.message, hint=error.hint)
        where = f" {source.where(rest)}" if source.where else ""
        return replace(fault, code=source.code, hint=fault.hint + where)

    def _source(self, name: str) -> tuple[ChoiceSource | None, str]:
        head, _, rest = name.partition("/")
        return self._sources.get(head), rest
