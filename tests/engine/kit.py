"""Nodes and shorthands that the tests of the engine share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from inhouse import (
    Catch,
    Context,
    Engine,
    Failure,
    Lazy,
    Link,
    NodeSpec,
    Registry,
    Result,
    Workflow,
    WorkflowNode,
    node,
)
from inhouse.engine.cache import Cache

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from inhouse.engine.events import Event
    from inhouse.engine.result import RunResult


def link(node_id: str, slot: int = 0) -> Link:
    return Link(node_id, slot)


def workflow(**nodes: tuple[str, dict[str, Any]]) -> Workflow:
    """Build a workflow from ``id=(type, inputs)``."""
    return Workflow({node_id: WorkflowNode(kind, inputs) for node_id, (kind, inputs) in nodes.items()})


class Ran:
    """Counts which nodes ran, by id, in order."""

    def __init__(self) -> None:
        self.ids: list[str] = []

    def count(self, node_id: str) -> int:
        return self.ids.count(node_id)


class Pair(NamedTuple):
    first: int
    second: int


def basics(ran: Ran | None = None) -> list[NodeSpec]:
    """Return arithmetic nodes that tell ``ran`` when they run."""
    log = ran or Ran()

    @node("Number")
    def number(*, value: int | None = 0, context: Context) -> int:
        log.ids.append(context.node_id)
        return value or 0

    @node("Add")
    def add(*, a: int | None = 0, b: int | None = 0, context: Context) -> int:
        log.ids.append(context.node_id)
        return (a or 0) + (b or 0)

    @node("Split")
    def split(*, value: int, context: Context) -> Pair:
        log.ids.append(context.node_id)
        return Pair(value, value + 1)

    @node("Numbers")
    def numbers(*, count: int, context: Context) -> list[int]:
        log.ids.append(context.node_id)
        return list(range(count))

    @node("Show", output_node=True)
    def show(*, value: Any, context: Context) -> Result:
        log.ids.append(context.node_id)
        return Result(ui={"value": [value]})

    @node("Fail")
    def fail(*, value: Any | None = 0, context: Context) -> int:
        log.ids.append(context.node_id)
        raise ValueError(f"no {value}")

    return [number, add, split, numbers, show, fail]


def engine(*specs: NodeSpec, ran: Ran | None = None, cache: Cache | None = None, **more: Any) -> Engine:
    return Engine(Registry([*basics(ran), *specs]), cache=cache, **more)


def shown(result: RunResult, node_id: str = "out") -> Any:
    """Return what a Show node showed."""
    return result.outputs[node_id]["value"]


def events(emitted: list[Event], kind: type[Any]) -> list[Any]:
    return [event for event in emitted if isinstance(event, kind)]


def values_of(result: RunResult, node_ids: Iterable[str]) -> dict[str, Any]:
    return {node_id: [list(slot) for slot in result.values[node_id]] for node_id in node_ids}


def run(
    specs: Iterable[NodeSpec], flow: Workflow, ran: Ran | None = None, emit: Callable[[Any], None] | None = None
) -> RunResult:
    """Run a workflow on an engine of its own."""
    with engine(*specs, ran=ran) as made:
        return made.run(flow, emit=emit)


def switch_needs(*, which: bool, **_: Any) -> list[str]:
    return ["yes" if which else "no"]


@node("Switch", needs=switch_needs)
def switch(*, which: bool, yes: Annotated[Any, Lazy()] | None = None, no: Annotated[Any, Lazy()] | None = None) -> Any:
    return yes if which else no


def fallback_needs(body: Any, fallback: Any) -> list[str]:
    return ["fallback"] if isinstance(body, Failure) and fallback is None else []


@node("Try", needs=fallback_needs)
def attempt(*, body: Annotated[Any, Catch()], fallback: Annotated[Any, Lazy()] | None = None) -> Any:
    return (fallback if fallback is not None else body.partial) if isinstance(body, Failure) else body
