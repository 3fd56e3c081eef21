"""What a run holds in memory, and until when."""

from __future__ import annotations

import weakref
from typing import Annotated, Any

from tests.engine.kit import engine, link, shown, switch, workflow

from inhouse import Wire, Workflow, WorkflowNode, node
from inhouse.engine.cache import Cache


class TestMemory:
    def test_what_nobody_needs_any_more_is_let_go(self) -> None:
        class Big:
            pass

        made_objects: list[weakref.ref[Big]] = []
        alive: list[int] = []

        @node("Make")
        def make(*, before: Annotated[Any, Wire("BIG")] | None = None) -> Annotated[Any, Wire("BIG")]:
            del before
            big = Big()
            made_objects.append(weakref.ref(big))
            alive.append(sum(ref() is not None for ref in made_objects))
            return big

        nodes = {"0": WorkflowNode("Make", {})}
        for i in range(1, 10):
            nodes[str(i)] = WorkflowNode("Make", {"before": link(str(i - 1))})
        with engine(make, cache=Cache(0)) as made:
            result = made.run(Workflow(nodes), targets=["9"])
        assert max(alive) == 2
        assert sum(ref() is not None for ref in made_objects) == 1
        assert result.status == "success"

    def test_a_branch_that_was_never_asked_for_holds_nothing(self) -> None:
        class Big:
            pass

        held: list[weakref.ref[Big]] = []
        alive: list[bool] = []

        @node("Make")
        def make() -> Annotated[Any, Wire("BIG")]:
            big = Big()
            held.append(weakref.ref(big))
            return big

        @node("Use")
        def use(*, big: Annotated[Any, Wire("BIG")]) -> bool:
            return big is not None

        @node("Last")
        def last(*, value: Any) -> int:
            alive.append(held[0]() is not None)
            return int(value)

        flow = workflow(
            m=("Make", {}),
            yes=("Use", {"big": link("m")}),
            no=("Use", {"big": link("m")}),
            s=("Switch", {"which": True, "yes": link("yes"), "no": link("no")}),
            l=("Last", {"value": link("s")}),
            out=("Show", {"value": link("l")}),
        )
        with engine(make, use, last, switch, cache=Cache(0)) as made:
            assert shown(made.run(flow)) == [1]
        assert alive == [False]

    def test_a_result_too_large_for_the_cache_still_reaches_every_consumer(self) -> None:
        flow = workflow(
            a=("Number", {"value": 1}),
            b=("Add", {"a": link("a"), "b": link("a")}),
            c=("Add", {"a": link("b"), "b": link("a")}),
            out=("Show", {"value": link("c")}),
        )
        for budget in (0, 100, 300, 500, 1000):
            with engine(cache=Cache(budget)) as made:
                assert [shown(made.run(flow)) for _ in range(3)] == [[3], [3], [3]]
