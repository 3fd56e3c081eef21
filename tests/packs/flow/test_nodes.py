from collections.abc import Callable, Iterator
from typing import Any

import pytest

from inhouse import Engine, Link, Registry, Result, Workflow, WorkflowNode, node
from inhouse.engine.events import NodeBlocked
from inhouse.engine.result import RunResult
from inhouse.errors import InterruptedRunError, NodeInputError, OutOfMemoryError
from inhouse.packs.flow import register_nodes

Run = Callable[..., RunResult]


class Probes:
    """Nodes that fail on demand, and what they saw."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.error: Exception | None = None

    def nodes(self) -> list[Any]:
        @node("Work")
        def work(*, name: str) -> str:
            self.calls.append(name)
            if self.error is not None:
                raise self.error
            return name

        @node("Spare")
        def spare(*, name: str) -> str:
            self.calls.append(name)
            return name

        @node("Show", output_node=True)
        def show(*, value: Any) -> Result:
            return Result(ui={"value": [value]})

        return [work, spare, show]


@pytest.fixture
def probes() -> Probes:
    return Probes()


@pytest.fixture
def run(probes: Probes) -> Iterator[Run]:
    with Engine(Registry([*register_nodes(), *probes.nodes()])) as engine:

        def run_nodes(nodes: dict[str, tuple[str, dict[str, Any]]], **options: Any) -> RunResult:
            made = {
                node_id: WorkflowNode(kind, {n: Link(*v) if isinstance(v, tuple) else v for n, v in inputs.items()})
                for node_id, (kind, inputs) in nodes.items()
            }
            return engine.run(Workflow(made), **options)

        yield run_nodes


def attempt(*, fallback: bool = True, output: int = 0) -> dict[str, tuple[str, dict[str, Any]]]:
    spare = {"fallback": ("spare", 0)} if fallback else {}
    return {
        "work": ("Work", {"name": "work"}),
        "spare": ("Spare", {"name": "spare"}),
        "try": ("TryExcept", {"body": ("work", 0), **spare}),
        "show": ("Show", {"value": ("try", output)}),
    }


def test_a_shared_value_is_found_without_a_wire(run: Run) -> None:
    nodes = {
        "get": ("GetContext", {"key": "style"}),
        "show": ("Show", {"value": ("get", 0)}),
        "set": ("SetContext", {"key": "style", "value": "oil"}),
        "other": ("SetContext", {"key": "size", "value": 3}),
    }

    assert run(nodes).outputs == {"show": {"value": ["oil"]}}


def test_setting_a_value_passes_it_on(run: Run) -> None:
    nodes = {"set": ("SetContext", {"key": "k", "value": "v"}), "show": ("Show", {"value": ("set", 0)})}

    assert run(nodes).outputs == {"show": {"value": ["v"]}}


def test_whoever_starts_the_run_can_share_values(run: Run) -> None:
    nodes = {"get": ("GetContext", {"key": "style"}), "show": ("Show", {"value": ("get", 0)})}

    assert run(nodes, shared={"style": "oil"}).outputs == {"show": {"value": ["oil"]}}
    assert run(nodes, shared={"style": "ink"}).outputs == {"show": {"value": ["ink"]}}


def test_a_value_that_nobody_set_has_a_default_or_is_an_error(run: Run) -> None:
    nodes: dict[str, Any] = {"get": ("GetContext", {"key": "style"}), "show": ("Show", {"value": ("get", 0)})}

    error = run(nodes).failures[0].error

    assert isinstance(error, NodeInputError)
    assert "'style'" in error.message
    nodes["get"][1]["default"] = "plain"
    assert run(nodes).outputs == {"show": {"value": ["plain"]}}


def test_what_succeeds_passes_and_the_fallback_never_runs(run: Run, probes: Probes) -> None:
    assert run(attempt()).outputs == {"show": {"value": ["work"]}}
    assert probes.calls == ["work"]
    assert run(attempt(output=1)).outputs == {"show": {"value": [""]}}
    assert run(attempt(output=2)).outputs == {"show": {"value": [False]}}


def test_what_fails_gives_way_to_the_fallback(run: Run, probes: Probes) -> None:
    probes.error = OutOfMemoryError("needed 9 bytes", hint="had 8")

    result = run(attempt())

    assert result.status == "success"
    assert result.outputs == {"show": {"value": ["spare"]}}
    assert run(attempt(output=1)).outputs["show"]["value"][0].startswith("needed 9 bytes")
    assert run(attempt(output=2)).outputs == {"show": {"value": [True]}}


def test_an_interrupted_node_hands_over_what_it_had(run: Run, probes: Probes) -> None:
    probes.error = InterruptedRunError(partial="half")

    result = run(attempt())

    assert result.status == "success"
    assert result.outputs == {"show": {"value": ["half"]}}
    assert probes.calls == ["work"]


def test_without_a_fallback_consumers_are_kept_from_running_and_told_why(run: Run, probes: Probes) -> None:
    probes.error = ValueError("no luck")
    events: list[Any] = []

    result = run(attempt(fallback=False), emit=events.append)

    assert result.status == "success"
    assert "show" not in result.outputs
    assert any("no luck" in event.message for event in events if isinstance(event, NodeBlocked))


def test_what_failed_once_is_tried_again_in_the_next_run(run: Run, probes: Probes) -> None:
    probes.error = ValueError("no luck")
    run(attempt())
    probes.error = None

    assert run(attempt()).outputs == {"show": {"value": ["work"]}}


@pytest.mark.parametrize(("condition", "chosen"), [(True, "work"), (False, "spare")])
def test_a_switch_computes_the_branch_it_takes_only(
    run: Run,
    probes: Probes,
    condition: bool,  # noqa: FBT001 - a table of cases
    chosen: str,
) -> None:
    nodes = {
        "work": ("Work", {"name": "work"}),
        "spare": ("Spare", {"name": "spare"}),
        "switch": ("Switch", {"condition": condition, "on_true": ("work", 0), "on_false": ("spare", 0)}),
        "show": ("Show", {"value": ("switch", 0)}),
    }

    assert run(nodes).outputs == {"show": {"value": [chosen]}}
    assert probes.calls == [chosen]
