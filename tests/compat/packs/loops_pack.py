# mypy: ignore-errors
# ruff: noqa: ANN001, ANN201, ANN202, ANN206, ARG002, C419, N802, N804, PLW2901 - written as packs of third parties are
"""A while loop: the closing node expands into a copy of what lies between, and of itself."""

from comfy_execution.graph_utils import GraphBuilder, is_link


class WhileOpen:
    @classmethod
    def INPUT_TYPES(s):
        return {"required": {"condition": ("BOOLEAN", {"default": True})}, "optional": {"value": ("*",)}}

    RETURN_TYPES = ("FLOW_CONTROL", "*")
    RETURN_NAMES = ("flow", "value")
    FUNCTION = "go"

    def go(self, condition, value=None):
        return ("stub", value)


class WhileClose:
    @classmethod
    def INPUT_TYPES(s):
        return {
            "required": {"flow": ("FLOW_CONTROL", {"rawLink": True}), "condition": ("BOOLEAN", {"forceInput": True})},
            "optional": {"value": ("*",)},
            "hidden": {"prompt": "DYNPROMPT", "me": "UNIQUE_ID"},
        }

    RETURN_TYPES = ("*",)
    FUNCTION = "go"

    def go(self, flow, condition, prompt, me, value=None):
        if not condition:
            return (value,)
        start = flow[0]
        inside = self.between(prompt, start, me)
        graph = GraphBuilder()
        for old in inside:
            kind = prompt.get_node(old)["class_type"]
            copy = graph.node(kind, "Recurse" if old == me else old)
            copy.set_override_display_id(prompt.get_display_node_id(old))
        for old in inside:
            copy = graph.lookup_node("Recurse" if old == me else old)
            for name, given in prompt.get_node(old)["inputs"].items():
                if is_link(given) and given[0] in inside:
                    given = graph.lookup_node("Recurse" if given[0] == me else given[0]).out(given[1])
                copy.set_input(name, given)
        graph.lookup_node(start).set_input("value", value)
        return {"result": (graph.lookup_node("Recurse").out(0),), "expand": graph.finalize()}

    def between(self, prompt, start, end):
        """Return the nodes that need ``start`` and that ``end`` needs, with both."""
        needs = {}

        def reaches(node_id):
            if node_id == start:
                return True
            if node_id not in needs:
                links = [v for v in prompt.get_node(node_id)["inputs"].values() if is_link(v)]
                needs[node_id] = any([reaches(link[0]) for link in links])
            return needs[node_id]

        reaches(end)
        return [start, *(node_id for node_id, inside in needs.items() if inside)]


class Positive:
    @classmethod
    def INPUT_TYPES(s):
        return {"required": {"v": ("INT", {"forceInput": True})}}

    RETURN_TYPES = ("BOOLEAN",)
    FUNCTION = "go"

    def go(self, v):
        return (v > 0,)


class Sum:
    """Expands into a chain of additions, gives one value of its own, and passes a link on."""

    @classmethod
    def INPUT_TYPES(s):
        return {"required": {"v": ("INT", {"forceInput": True}), "times": ("INT", {"default": 2})}}

    RETURN_TYPES = ("INT", "STRING")
    FUNCTION = "go"

    def go(self, v, times):
        graph = GraphBuilder()
        last = v
        for _ in range(times):
            last = graph.node("T.Add", v=last, add=1).out(0)
        return {"result": (last, "as text"), "expand": graph.finalize()}


class Astray:
    """Expands into something that is no graph."""

    @classmethod
    def INPUT_TYPES(s):
        return {"required": {}}

    RETURN_TYPES = ("INT",)
    FUNCTION = "go"

    def go(self):
        return {"result": (1,), "expand": {"1": {"inputs": {}}}}


NODE_CLASS_MAPPINGS = {
    "T.WhileOpen": WhileOpen,
    "T.WhileClose": WhileClose,
    "T.Positive": Positive,
    "T.Sum": Sum,
    "T.Astray": Astray,
}
