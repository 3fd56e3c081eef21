from inhouse import Link, Workflow, WorkflowNode
from inhouse.compat.layout import place_nodes


def test_columns_follow_depth_and_sources_come_first() -> None:
    nodes = {
        "4": WorkflowNode("Mix", {"a": Link("1", 0), "b": Link("3", 0)}),
        "3": WorkflowNode("Change", {"a": Link("2", 0)}),
        "1": WorkflowNode("Make"),
        "2": WorkflowNode("Make"),
    }
    places = place_nodes(Workflow(nodes), dict.fromkeys(nodes, 2))
    assert list(places) == ["1", "2", "3", "4"]
    assert places["1"][0] == places["2"][0] < places["3"][0] < places["4"][0]
    assert places["1"][1] < places["2"][1]


def test_a_circle_is_laid_out_all_the_same() -> None:
    nodes = {"1": WorkflowNode("A", {"x": Link("2", 0)}), "2": WorkflowNode("A", {"x": Link("1", 0)})}
    assert place_nodes(Workflow(nodes), dict.fromkeys(nodes, 1)).keys() == nodes.keys()
