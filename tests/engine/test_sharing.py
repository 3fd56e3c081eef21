"""``context.shared``: values that nodes pass on without a wire."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engine.kit import Ran, engine, link, run, shown, workflow

from inhouse import Context, Link, NodeSpec, Result, Workflow, WorkflowNode, node
from inhouse.engine.sharing import implicit_sources, shared_names
from inhouse.errors import SharedAccessError

RAN = Ran()


@node("Write", writes=("style",))
def write(*, value: str, wire: Any | None = None, context: Context) -> int:
    del wire
    RAN.ids.append(context.node_id)
    context.shared["style"] = value
    return 1


@node("Read", reads=("style",))
def read(*, wire: Any | None = None, context: Context) -> str:
    del wire
    RAN.ids.append(context.node_id)
    return str(context.shared.get("style", "none"))


@node("Append", reads=("style",), writes=("style",))
def append(*, value: str, wire: Any | None = None, context: Context) -> str:
    del wire
    context.shared["style"] = context.shared.get("style", "") + value
    return str(context.shared["style"])


SPECS = [write, read, append]


def style(flow: Workflow, **more: Any) -> Any:
    with engine(*SPECS) as made:
        result = made.run(flow, **more)
    assert result.failures == ()
    return shown(result)[0]


def test_a_reader_gets_what_a_writer_without_a_wire_to_it_wrote() -> None:
    for order in (("w", "r", "out"), ("out", "r", "w")):
        nodes = {
            "w": WorkflowNode("Write", {"value": "ink"}),
            "r": WorkflowNode("Read", {}),
            "out": WorkflowNode("Show", {"value": link("r")}),
        }
        assert style(Workflow({node_id: nodes[node_id] for node_id in order})) == "ink"


def test_the_last_writer_in_the_file_wins_whatever_is_asked_for() -> None:
    flow = workflow(
        other=("Show", {"value": link("second")}),
        first=("Write", {"value": "ink"}),
        second=("Write", {"value": "oil"}),
        r=("Read", {}),
        out=("Show", {"value": link("r")}),
    )
    assert style(flow) == style(flow, targets=["out"]) == "oil"
    flow = workflow(
        other=("Show", {"value": link("first")}),
        second=("Write", {"value": "oil"}),
        r=("Read", {}),
        first=("Write", {"value": "ink"}),
        out=("Show", {"value": link("r")}),
    )
    assert style(flow) == style(flow, targets=["out"]) == "ink"


def test_a_writer_that_depends_on_the_reader_is_not_read() -> None:
    flow = workflow(
        r=("Read", {}), w=("Write", {"value": "ink", "wire": link("r")}), out=("Show", {"value": link("r")})
    )
    assert style(flow) == "none"
    assert style(flow, shared={"style": "start"}) == "start"


def test_readers_that_also_write_form_a_chain_in_the_order_of_the_file() -> None:
    nodes = {f"a{i}": WorkflowNode("Append", {"value": str(i)}) for i in range(5)}
    nodes |= {"r": WorkflowNode("Read", {}), "out": WorkflowNode("Show", {"value": link("r")})}
    assert style(Workflow(nodes), shared={"style": ">"}) == ">01234"


def test_a_chain_of_2000_readers_that_write() -> None:
    nodes = {f"a{i}": WorkflowNode("Append", {"value": "x"}) for i in range(2_000)}
    nodes |= {"r": WorkflowNode("Read", {}), "out": WorkflowNode("Show", {"value": link("r")})}
    assert style(Workflow(nodes)) == "x" * 2_000


def test_cached_writers_are_heard_and_a_changed_one_changes_its_readers_only() -> None:
    def flow(value: str) -> Workflow:
        return workflow(
            w=("Write", {"value": value}),
            r=("Read", {}),
            n=("Number", {"value": 1}),
            out=("Show", {"value": link("r")}),
            also=("Show", {"value": link("n")}),
        )

    ran = RAN
    with engine(*SPECS) as made:
        made.run(flow("ink"))
        ran.ids.clear()
        assert shown(made.run(flow("ink"))) == ["ink"]
        assert ran.ids == []
        result = made.run(flow("oil"))
        assert (shown(result), ran.ids) == (["oil"], ["w", "r"])
        assert "also" in result.cached
        ran.ids.clear()
        new = workflow(w=("Write", {"value": "oil"}), r=("Read", {"wire": 1}), out=("Show", {"value": link("r")}))
        assert (shown(made.run(new)), ran.ids) == (["oil"], ["r"])


def test_what_was_there_when_the_run_began_is_part_of_the_key() -> None:
    flow = workflow(r=("Read", {}), out=("Show", {"value": link("r")}))
    with engine(*SPECS) as made:
        got = [shown(made.run(flow, shared=shared)) for shared in ({"style": "a"}, {"style": "b"}, {}, {"style": "a"})]
        assert got == [["a"], ["b"], ["none"], ["a"]]
        assert made.run(flow, shared={"style": "b", "other": 1}).cached == ("out",)
        assert made.run(flow, shared={"style": object()}).cached == ()


def test_a_writer_nobody_reads_does_not_run_and_its_faults_do_not_matter() -> None:
    RAN.ids.clear()
    flow = workflow(w=("Write", {}), n=("Number", {"value": 1}), out=("Show", {"value": link("n")}))
    assert style(flow) == 1
    flow = workflow(w=("Write", {}), r=("Read", {}), n=("Number", {"value": 1}), out=("Show", {"value": link("n")}))
    assert style(flow) == 1
    assert RAN.ids == []


def test_a_failed_writer_fails_its_readers() -> None:
    @node("Bad", writes=("style",))
    def bad() -> int:
        raise ValueError

    result = run([*SPECS, bad], workflow(w=("Bad", {}), r=("Read", {}), out=("Show", {"value": link("r")})))
    assert [failure.node_id for failure in result.failures] == ["w"]


def test_names_may_come_from_literal_inputs() -> None:
    @node("Set", writes=("var/{name}",))
    def put(*, name: str, value: int, context: Context) -> int:
        context.shared[f"var/{name}"] = value
        return value

    @node("Get", reads=("var/{name}",))
    def get(*, name: str, context: Context) -> int:
        return int(context.shared[f"var/{name}"])

    flow = workflow(
        a=("Set", {"name": "a", "value": 1}),
        b=("Set", {"name": "b", "value": 2}),
        ga=("Get", {"name": "a"}),
        gb=("Get", {"name": "b"}),
        sum=("Add", {"a": link("ga"), "b": link("gb")}),
        out=("Show", {"value": link("sum")}),
    )
    with engine(put, get) as made:
        assert shown(made.run(flow)) == [3]
        linked = workflow(t=("Get", {"name": link("n")}), n=("Get", {"name": "a"}), out=("Show", {"value": link("t")}))
        codes = [(fault.code, fault.node_id) for fault in made.validate(linked).faults]
        assert ("shared_name_linked", "t") in codes


class TestAccess:
    def errors(self, *specs: NodeSpec) -> list[str]:
        result = run(specs, workflow(a=(specs[0].id, {}), out=("Show", {"value": link("a")})))
        assert all(isinstance(failure.error, SharedAccessError) for failure in result.failures)
        return [str(failure.error) for failure in result.failures]

    def test_undeclared_reads_and_writes(self) -> None:
        @node("R")
        def reads(*, context: Context) -> int:
            return int(context.shared["style"])

        @node("W", reads=("style",))
        def writes(*, context: Context) -> int:
            context.shared["style"] = 1
            return 1

        @node("WR", writes=("style",))
        def reads_what_it_writes(*, context: Context) -> int:
            return int(context.shared["style"])

        hint = "Declare it: @node(..., {}=('style',))."
        assert self.errors(reads) == [
            "Node 'a' reads shared name 'style' without declaring it. " + hint.format("reads")
        ]
        assert self.errors(writes)[0].endswith(hint.format("writes"))
        assert self.errors(reads_what_it_writes)[0].endswith(hint.format("reads"))

    def test_a_declared_name_that_is_not_written(self) -> None:
        @node("Never", writes=("style", "mood"))
        def never(*, context: Context) -> int:
            context.shared["mood"] = 1
            return 1

        assert "declares that it writes ['style'] and did not" in self.errors(never)[0]

    def test_nothing_is_deleted(self) -> None:
        @node("Del", writes=("style",))
        def delete(*, context: Context) -> int:
            del context.shared["style"]
            return 1

        assert "cannot be deleted" in self.errors(delete)[0]

    def test_it_looks_like_a_mapping_of_what_may_be_read(self) -> None:
        seen: list[Any] = []

        @node("Look", reads=("a", "b"), writes=("c",))
        def look(*, context: Context) -> int:
            context.shared["c"] = 3
            seen.append((dict(context.shared), len(context.shared), "b" in context.shared))
            return 1

        with engine(look) as made:
            made.run(workflow(a=("Look", {})), targets=["a"], shared={"a": 1, "z": 2})
        assert seen == [({"a": 1, "c": 3}, 2, False)]


class TestExpansions:
    def expanding(self, nodes: dict[str, tuple[str, dict[str, Any]]], result: str, **traits: Any) -> NodeSpec:
        @node("Expand", **traits)
        def expand(*, own: str | None = None, context: Context) -> Any:
            prefix = context.graph_prefix
            if own is not None:
                context.shared["style"] = own
            return Result(
                (Link(prefix + result, 0),),
                expand={prefix + name: WorkflowNode(kind, inputs) for name, (kind, inputs) in nodes.items()},
            )

        return expand

    def test_nodes_inside_read_what_the_node_that_expands_declares(self) -> None:
        spec = self.expanding({"r": ("Read", {})}, "r", reads=("style",))
        for value in ("ink", "oil"):
            flow = workflow(w=("Write", {"value": value}), e=("Expand", {}), out=("Show", {"value": link("e")}))
            with engine(*SPECS, spec) as made:
                assert shown(made.run(flow)) == [value]
        undeclared = self.expanding({"r": ("Read", {})}, "r")
        result = run([*SPECS, undeclared], workflow(e=("Expand", {}), out=("Show", {"value": link("e")})))
        assert "Declare it for the node that expands" in str(result.failures[0].error)

    def test_nodes_inside_write_for_each_other_and_stay_inside(self) -> None:
        spec = self.expanding({"r": ("Read", {}), "w": ("Write", {"value": "inner"})}, "r")
        flow = workflow(
            w=("Write", {"value": "outer"}),
            e=("Expand", {}),
            r=("Read", {}),
            out=("Show", {"value": link("e")}),
            other=("Show", {"value": link("r")}),
        )
        with engine(*SPECS, spec) as made:
            for _ in range(2):
                result = made.run(flow)
                assert (shown(result), shown(result, "other")) == (["inner"], ["outer"])

    @pytest.mark.parametrize("inner", [True, False])
    def test_what_the_node_that_expands_declares_leaves_the_expansion(self, *, inner: bool) -> None:
        nodes: dict[str, Any] = {"n": ("Number", {"value": 1})}
        if inner:
            nodes["w"] = ("Write", {"value": "inner"})
        spec = self.expanding(nodes, "n", writes=("style",))
        flow = workflow(
            e=("Expand", {"own": "own"}),
            r=("Read", {}),
            out=("Show", {"value": link("r")}),
            also=("Show", {"value": link("e")}),
        )
        with engine(*SPECS, spec) as made:
            for _ in range(2):
                assert shown(made.run(flow)) == ["inner" if inner else "own"]
        empty = self.expanding({"n": ("Number", {})}, "n", writes=("style",))
        result = run([*SPECS, empty], workflow(e=("Expand", {}), out=("Show", {"value": link("e")})))
        assert "declares that it writes ['style'] and did not" in str(result.failures[0].error)

    def test_nodes_inside_read_what_the_node_that_expands_wrote_itself(self) -> None:
        spec = self.expanding({"r": ("Read", {})}, "r", writes=("style",))
        with engine(*SPECS, spec) as made:
            for own in ("a", "b"):
                flow = workflow(e=("Expand", {"own": own}), out=("Show", {"value": link("e")}))
                assert shown(made.run(flow)) == [own]


def test_names_of_linked_or_missing_inputs_stay_out() -> None:
    declared = ("a", "v/{x}", "{x}/{y}")
    assert shared_names(declared, {"x": 1, "y": "b"}) == ("a", "v/1", "1/b")
    assert shared_names(declared, {"x": Link("n", 0), "y": "b"}) == ("a",)
    assert shared_names(declared, {}) == ("a",)


@given(st.lists(st.sampled_from(["r", "w", "rw", ""]), max_size=12), st.data())
def test_each_reader_follows_the_rule(kinds: list[str], data: st.DataObject) -> None:
    specs = {"r": read, "w": write, "rw": append, "": write.__class__("N", lambda: 0, {}, ())}
    order = [str(i) for i in range(len(kinds))]
    links = {
        str(i): data.draw(st.lists(st.sampled_from(order[:i]), max_size=2)) if i else [] for i in range(len(kinds))
    }
    above: dict[str, set[str]] = {}
    for i in order:
        above[i] = set(links[i]).union(*(above[source] for source in links[i]))
    expected = {}
    for place, reader in enumerate(order):
        if "r" in kinds[place]:
            last = place if "w" in kinds[place] else len(order)
            found = [w for w in order[:last] if "w" in kinds[int(w)] and w != reader and reader not in above[w]]
            if found:
                expected[reader] = {"style": found[-1]}
    by_id = {i: specs[kinds[int(i)]] for i in order}
    assert implicit_sources(order, by_id, {i: {} for i in order}, links.__getitem__) == expected
