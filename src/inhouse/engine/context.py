"""Context: what a running node may ask its engine for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from inhouse.engine.events import NodeProgress
from inhouse.errors import NodeExecutionError, SharedAccessError

if TYPE_CHECKING:
    from inhouse.engine.control import Control
    from inhouse.engine.events import Emit
    from inhouse.engine.workflow import Workflow

T = TypeVar("T")


class Shared(MutableMapping[str, Any]):
    """The run-wide mapping, seen through one node's declared reads and writes.

    Raises:
        SharedAccessError: a name was read or written that the node does not declare.
        KeyError: nobody has written the name yet.

    """

    def __init__(self, values: dict[str, Any], reads: frozenset[str], writes: frozenset[str], node_id: str) -> None:
        self._values = values
        self._reads = reads
        self._writes = writes
        self._node_id = node_id
        self.written: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name in self.written:
            return self.written[name]
        self._allow(name, self._reads, "reads")
        return self._values[name]

    def __setitem__(self, name: str, value: Any) -> None:
        self._allow(name, self._writes, "writes")
        self.written[name] = value

    def __delitem__(self, name: str) -> None:
        self._allow(name, self._writes, "writes")
        raise SharedAccessError(
            f"Shared name {name!r} cannot be deleted.", hint="Write None instead.", node_id=self._node_id
        )

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._values.keys() | self.written.keys()))

    def __len__(self) -> int:
        return len(self._values.keys() | self.written.keys())

    def _allow(self, name: str, declared: frozenset[str], verb: str) -> None:
        if name not in declared:
            raise SharedAccessError(
                f"Node {self._node_id!r} {verb} shared name {name!r} without declaring it.",
                hint=f"Declare it: @node(..., {verb}=({name!r},)).",
                node_id=self._node_id,
            )


@dataclass(slots=True)
class Context:
    """What a node gets in the parameter that it annotates ``Context``.

    Attributes:
        run_id: the run.
        node_id: the node, in an expansion its full id.
        display_id: the node that a user sees.
        workflow: the whole workflow, with the document it came from.
        shared: the run-wide mapping; undeclared access is an error.
        graph_prefix: what the ids of an expansion's nodes start with, unique to this call.

    """

    run_id: str
    node_id: str
    display_id: str
    workflow: Workflow
    shared: Shared
    graph_prefix: str
    _control: Control
    _emit: Emit
    _services: Mapping[type[Any], Any] = field(default_factory=dict)

    def check(self) -> None:
        """Give the engine an occasion to stop this node; call it at least once a step.

        Raises:
            InterruptedRunError: somebody asked the run to stop.

        """
        self._control.check()

    def progress(self, value: float, total: float, preview: Callable[[], Any] | None = None) -> None:
        """Report ``value`` of ``total`` steps, and what there is to see; also does what ``check`` does."""
        self._emit(NodeProgress(self.node_id, self.display_id, value, total, preview))
        self._control.check()

    def find(self, kind: type[T]) -> T | None:
        """Return the engine's one object of that type; None where it was built without one."""
        return self._services.get(kind)

    def service(self, kind: type[T]) -> T:
        """Return the engine's one object of that type (a file catalogue, the devices, ...).

        Raises:
            NodeExecutionError: the engine was built without one.

        """
        found = self.find(kind)
        if found is None:
            raise NodeExecutionError(
                f"Node {self.node_id!r} needs a {kind.__name__}, and this engine was built without one.",
                node_id=self.node_id,
            )
        return found
