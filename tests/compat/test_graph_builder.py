import pytest

from inhouse.compat.graph_builder import GraphBuilder, add_graph_prefix, is_link


def test_nodes_are_numbered_under_the_prefix_unless_named() -> None:
    graph = GraphBuilder("p.")
    first, named = graph.node("A", x=1), graph.node("B", "Named")
    named.set_input("y", first.out(2))
    named.set_override_display_id("7")
    assert graph.finalize() == {
        "p.1": {"class_type": "A", "inputs": {"x": 1}},
        "p.Named": {"class_type": "B", "inputs": {"y": ["p.1", 2]}, "override_display_id": "7"},
    }


def test_a_node_made_twice_is_the_same_node() -> None:
    graph = GraphBuilder("")
    assert graph.node("A", "x") is graph.node("A", "x") is graph.lookup_node("x")
    assert graph.lookup_node("y") is None


def test_inputs_can_be_read_changed_and_removed() -> None:
    node = GraphBuilder("").node("A", x=1)
    node.set_input("x", None)
    node.set_input("y", 2)
    assert (node.get_input("x"), node.get_input("y")) == (None, 2)


def test_outputs_can_be_replaced_and_nodes_removed() -> None:
    graph = GraphBuilder("p.")
    source, one, other = graph.node("A", "s"), graph.node("B", "b"), graph.node("B", "c")
    one.set_input("x", source.out(0))
    other.set_input("x", source.out(1))
    graph.replace_node_output("s", 0, 5)
    graph.replace_node_output("s", 1, None)
    graph.remove_node("s")
    assert graph.finalize() == {
        "p.b": {"class_type": "B", "inputs": {"x": 5}},
        "p.c": {"class_type": "B", "inputs": {}},
    }


def test_a_prefix_is_put_before_every_id_and_link() -> None:
    graph = {"1": {"class_type": "A", "inputs": {"x": 1}}, "2": {"class_type": "B", "inputs": {"y": ["1", 0]}}}
    assert add_graph_prefix(graph, (["2", 0], 5), "p.") == (
        {
            "p.1": {"class_type": "A", "inputs": {"x": 1}},
            "p.2": {"class_type": "B", "inputs": {"y": ["p.1", 0]}},
        },
        (["p.2", 0], 5),
    )


@pytest.mark.parametrize(
    ("value", "link"),
    [(["1", 0], True), ([1, 0], False), (["1"], False), (["1", "0"], False), (("1", 0), False), ("10", False)],
)
def test_links_are_told_from_values(value: object, *, link: bool) -> None:
    assert is_link(value) is link
