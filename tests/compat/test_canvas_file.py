from inhouse.compat.canvas_file import CanvasLink, parse_canvas

NODE = {"id": 3, "type": "A", "inputs": [{"name": "x", "type": ["a", "b"], "link": 4, "widget": {"name": "y"}}]}


def test_both_schemas_give_the_same_graph() -> None:
    old = {"nodes": [NODE], "links": [[4, 1, 0, 3, 0, "X"]], "version": 0.4}
    link = {"id": 4, "origin_id": 1, "origin_slot": 0, "target_id": 3, "target_slot": 0, "type": "X"}
    new = {"nodes": [NODE], "links": [link], "version": 1}
    assert parse_canvas(old) == parse_canvas(new)
    assert parse_canvas(new).graph.links == {"4": CanvasLink("1", 0, "3", 0)}


def test_a_slot_goes_by_the_name_of_its_widget() -> None:
    slot = parse_canvas({"nodes": [NODE], "links": []}).graph.nodes["3"].inputs[0]
    assert (slot.name, slot.type, slot.link, slot.widget) == ("y", "COMBO", "4", True)


def test_a_subgraph_knows_its_inputs_and_what_feeds_its_outputs() -> None:
    inner = {"id": "u", "nodes": [NODE], "links": [[7, 3, 1, -20, 2, "X"]], "inputs": [{"name": "seed"}]}
    graph = parse_canvas({"nodes": [], "links": [], "definitions": {"subgraphs": [inner]}}).subgraphs["u"]
    assert graph.inputs == ("seed",)
    assert graph.outputs == {2: "7"}


def test_slots_saved_as_an_object_are_read_as_a_list() -> None:
    saved = {"id": 1, "type": "A", "inputs": {"0": {"name": "x", "type": 0, "link": None}}}
    (slot,) = parse_canvas({"nodes": [saved], "links": None}).graph.nodes["1"].inputs
    assert (slot.type, slot.link) == ("*", "")
