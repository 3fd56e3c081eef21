from __future__ import annotations

import pytest
from tests.packs.benchmark.conftest import Clock

from inhouse import Engine, Link, Registry, Result, Workflow, WorkflowNode, node
from inhouse.errors import InhouseError, NodeExecutionError
from inhouse.packs.benchmark.model import Load
from inhouse.packs.benchmark.workflow_subject import WorkflowSubject


class Steps:
    """Two nodes, the first of which counts how often it runs."""

    def __init__(self, clock: Clock) -> None:
        self.runs: list[int] = []

        @node("Make")
        def make(*, seed: int) -> int:
            """Make a number."""
            clock.now += 0.1
            self.runs.append(seed)
            if seed < 0:
                raise NodeExecutionError("It broke.")
            return seed

        @node("Show", output_node=True)
        def show(*, value: int) -> Result:
            """Show it."""
            return Result(ui={"text": (str(value),)})

        registry = Registry()
        registry.add([make, show])
        self.engine = Engine(registry)

    def workflow(self, seed: int) -> Workflow:
        return Workflow(
            {"1": WorkflowNode("Make", {"seed": seed}), "2": WorkflowNode("Show", {"value": Link("1", 0)}, title="End")}
        )


def test_each_run_has_another_seed_and_each_node_its_share(clock: Clock) -> None:
    steps = Steps(clock)
    subject = WorkflowSubject("w", steps.engine, steps.workflow, cached=True, clock=clock, cpu=clock)
    subject.open()
    part = subject.measure(Load(), 1.0, 100)
    assert len(part.latencies) in (10, 11)
    assert len(set(steps.runs)) == len(steps.runs)
    assert set(part.parts) == {"Make (1)", "End (2)"}
    assert part.cpu == part.wall


def test_without_a_seed_nothing_comes_from_the_run_before(clock: Clock) -> None:
    steps = Steps(clock)
    subject = WorkflowSubject("w", steps.engine, lambda _: steps.workflow(5), cached=False, clock=clock, cpu=clock)
    subject.open()
    subject.measure(Load(), 0.0, 1)
    assert steps.runs == [5, 5]


def test_a_workflow_that_fails_is_counted_and_cannot_be_opened(clock: Clock) -> None:
    steps = Steps(clock)
    subject = WorkflowSubject("w", steps.engine, lambda _: steps.workflow(-1), cached=False, clock=clock, cpu=clock)
    with pytest.raises(InhouseError, match="It broke"):
        subject.open()
    assert subject.measure(Load(), 0.0, 1).errors == {"node_failed": 1}
