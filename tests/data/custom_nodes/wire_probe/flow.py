# mypy: ignore-errors
# ruff: noqa: ANN001, ANN003, ANN201, ANN202, ANN206, ARG002, C419, N802, N804, PLW2901 - as third parties write
"""Flow: nodes that are lazy, asynchronous, block what follows, or expand into others."""

import asyncio
import operator
import time

from comfy_execution.graph_utils import GraphBuilder, is_link

_VALUES = 5
_OPERATIONS = {"add": operator.add, "subtract": operator.sub, "multiply": operator.mul, "divide": operator.floordiv}
_CONDITIONS = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}
_SECONDS = ("FLOAT", {"default": 1.0, "min": 0.0, "max": 100.0})


class Flow:
    FUNCTION = "run"
    CATEGORY = "flow"


class TestSleep(Flow):
    @classmethod
    def INPUT_TYPES(s):
        return {"required": {"value": ("IMAGE",), "seconds": _SECONDS}, "hidden": {"unique_id": "UNIQUE_ID"}}

    RETURN_TYPES = ("IMAGE",)

    async def run(self, value, seconds, unique_id=None):
        from comfy.utils import ProgressBar

        bar = ProgressBar(seconds, node_id=unique_id)
        started = time.monotonic()
        while (passed := time.monotonic() - started) < seconds:
            bar.update_absolute(passed)
            await asyncio.sleep(0.01)
        bar.update_absolute(seconds)
        return (value,)


class TestAsyncError(Flow):
    @classmethod
    def INPUT_TYPES(s):
        return {"required": {"value": ("IMAGE",), "error_after": _SECONDS}}

    RETURN_TYPES = ("IMAGE",)

    async def run(self, value, error_after):
        await asyncio.sleep(error_after)
        raise RuntimeError("Intentional async execution error for testing")


class TestAsyncValidation(Flow):
    @classmethod
    def INPUT_TYPES(s):
        number = ("FLOAT", {"default": 5.0, "min": 0.0, "max": 100.0})
        return {"required": {"value": number, "threshold": number}}

    RETURN_TYPES = ("IMAGE",)

    @classmethod
    async def VALIDATE_INPUTS(s, value, threshold):
        await asyncio.sleep(0)
        return True if value <= threshold else f"Value {value} exceeds threshold {threshold}"

    def run(self, value, threshold):
        import torch

        return (torch.full((1, 64, 64, 3), value / 100),)


class TestCustomValidation1(Flow):
    @classmethod
    def INPUT_TYPES(s):
        return {"required": {"input1": ("IMAGE,FLOAT",), "input2": ("IMAGE,FLOAT",)}}

    RETURN_TYPES = ("IMAGE",)

    @classmethod
    def VALIDATE_INPUTS(s, input1, input2):
        for name, value in (("input1", input1), ("input2", input2)):
            if value is not None and not isinstance(value, float | int):
                return f"Invalid type of {name}: {type(value)}"
        return True

    def run(self, input1, input2):
        return (input1,)


class TestVariadicAverage(Flow):
    @classmethod
    def INPUT_TYPES(s):
        return {
            "required": {"input1": ("IMAGE",)},
            "optional": {f"input{i}": ("IMAGE",) for i in range(2, _VALUES + 1)},
        }

    RETURN_TYPES = ("IMAGE",)

    def run(self, input1, **more):
        import torch

        return (torch.stack([input1, *more.values()]).mean(dim=0),)


class TestLazyMixImages(Flow):
    @classmethod
    def INPUT_TYPES(s):
        lazy = ("IMAGE", {"lazy": True})
        return {"required": {"image1": lazy, "image2": lazy, "mask": ("MASK",)}}

    RETURN_TYPES = ("IMAGE",)

    def check_lazy_status(self, mask, image1, image2):
        low, high = float(mask.min()), float(mask.max())
        first = ["image1"] if image1 is None and low < 1.0 else []
        second = ["image2"] if image2 is None and high > 0.0 else []
        return first + second

    def run(self, mask, image1=None, image2=None):
        if image1 is None or image2 is None:
            return (image2 if image1 is None else image1,)
        weight = mask.reshape(-1, *mask.shape[-2:], 1)
        return (image1 * (1 - weight) + image2 * weight,)


class TestExecutionBlocker(Flow):
    @classmethod
    def INPUT_TYPES(s):
        return {
            "required": {
                "input": ("IMAGE",),
                "block": ("BOOLEAN", {"default": False}),
                "verbose": ("BOOLEAN", {"default": False}),
            }
        }

    RETURN_TYPES = ("IMAGE",)

    def run(self, input, block, verbose):  # noqa: A002 - the name of its input
        from comfy_execution.graph import ExecutionBlocker

        return (ExecutionBlocker("Blocked Execution" if verbose else None) if block else input,)


class TestIntMathOperation(Flow):
    @classmethod
    def INPUT_TYPES(s):
        number = ("INT", {"default": 0, "min": -0xFFFFFFFF, "max": 0xFFFFFFFF})
        return {"required": {"a": number, "b": number, "operation": (list(_OPERATIONS),)}}

    RETURN_TYPES = ("INT",)

    def run(self, a, b, operation):
        return (_OPERATIONS[operation](a, b),)


class TestIntConditions(Flow):
    @classmethod
    def INPUT_TYPES(s):
        number = ("INT", {"default": 0, "min": -0xFFFFFFFF, "max": 0xFFFFFFFF})
        return {"required": {"a": number, "b": number, "operation": (list(_CONDITIONS),)}}

    RETURN_TYPES = ("BOOLEAN",)

    def run(self, a, b, operation):
        return (_CONDITIONS[operation](a, b),)


class TestParallelSleep(Flow):
    """Expands into a sleeper for each picture, side by side, and their average."""

    @classmethod
    def INPUT_TYPES(s):
        numbers = range(1, 4)
        return {"required": {**{f"image{i}": ("IMAGE",) for i in numbers}, **{f"sleep{i}": _SECONDS for i in numbers}}}

    RETURN_TYPES = ("IMAGE",)
    OUTPUT_NODE = True

    def run(self, **given):
        graph = GraphBuilder()
        sleepers = [graph.node("TestSleep", value=given[f"image{i}"], seconds=given[f"sleep{i}"]) for i in (1, 2, 3)]
        average = graph.node("TestVariadicAverage", **{f"input{i + 1}": s.out(0) for i, s in enumerate(sleepers)})
        return {"result": (average.out(0),), "expand": graph.finalize()}


class TestMixedExpansionReturns(Flow):
    """Gives the output of a node that it expands into, and a picture of its own."""

    @classmethod
    def INPUT_TYPES(s):
        return {"required": {"input1": ("FLOAT", {"default": 0.5, "min": 0.0, "max": 1.0})}}

    RETURN_TYPES = ("IMAGE", "IMAGE")

    def run(self, input1):
        import torch

        graph = GraphBuilder()
        size = {"height": 64, "width": 64, "batch_size": 1}
        mask = graph.node("StubMask", value=0.5, **size)
        dark = graph.node("StubConstantImage", value=input1 / 2, **size)
        light = graph.node("StubConstantImage", value=input1, **size)
        mixed = graph.node("TestLazyMixImages", image1=dark.out(0), image2=light.out(0), mask=mask.out(0))
        return {"result": (mixed.out(0), torch.ones(1, 64, 64, 3)), "expand": graph.finalize()}


class TestDynamicDependencyCycle(Flow):
    """Expands into two nodes that, once they have seen the mask, wait for each other."""

    @classmethod
    def INPUT_TYPES(s):
        return {"required": {"input1": ("IMAGE",), "input2": ("IMAGE",)}}

    RETURN_TYPES = ("IMAGE",)

    def run(self, input1, input2):
        graph = GraphBuilder()
        mask = graph.node("StubMask", value=0.5, height=64, width=64, batch_size=1)
        first = graph.node("TestLazyMixImages", image1=input1, mask=mask.out(0))
        second = graph.node("TestLazyMixImages", image1=first.out(0), image2=input2, mask=mask.out(0))
        first.set_input("image2", second.out(0))
        return {"result": (first.out(0),), "expand": graph.finalize()}


class TestWhileLoopOpen(Flow):
    @classmethod
    def INPUT_TYPES(s):
        values = {f"initial_value{i}": ("*",) for i in range(_VALUES)}
        return {"required": {"condition": ("BOOLEAN", {"default": True})}, "optional": values}

    RETURN_TYPES = ("FLOW_CONTROL", *["*"] * _VALUES)
    RETURN_NAMES = ("FLOW_CONTROL", *[f"value{i}" for i in range(_VALUES)])

    def run(self, condition, **values):
        return ("stub", *(values.get(f"initial_value{i}") for i in range(_VALUES)))


class TestWhileLoopClose(Flow):
    """Expands into a copy of what lies between the opening node and itself, and of itself, as long as it shall."""

    @classmethod
    def INPUT_TYPES(s):
        return {
            "required": {
                "flow_control": ("FLOW_CONTROL", {"rawLink": True}),
                "condition": ("BOOLEAN", {"forceInput": True}),
            },
            "optional": {f"initial_value{i}": ("*",) for i in range(_VALUES)},
            "hidden": {"dynprompt": "DYNPROMPT", "unique_id": "UNIQUE_ID"},
        }

    RETURN_TYPES = ("*",) * _VALUES

    def run(self, flow_control, condition, dynprompt=None, unique_id=None, **values):
        if not condition:
            return tuple(values.get(f"initial_value{i}") for i in range(_VALUES))
        start = flow_control[0]
        inside = self.between(dynprompt, start, unique_id)
        names = {old: "Recurse" if old == unique_id else old for old in inside}
        graph = GraphBuilder()
        for old, name in names.items():
            graph.node(dynprompt.get_node(old)["class_type"], name).set_override_display_id(old)
        for old, name in names.items():
            for key, given in dynprompt.get_node(old)["inputs"].items():
                if is_link(given) and given[0] in names:
                    given = graph.lookup_node(names[given[0]]).out(given[1])
                graph.lookup_node(name).set_input(key, given)
        for i in range(_VALUES):
            graph.lookup_node(start).set_input(f"initial_value{i}", values.get(f"initial_value{i}"))
        end = graph.lookup_node("Recurse")
        return {"result": tuple(end.out(i) for i in range(_VALUES)), "expand": graph.finalize()}

    def between(self, dynprompt, start, end):
        """Return the nodes that need ``start`` and that ``end`` needs, with both."""
        needs = {}

        def reaches(node_id):
            if node_id == start:
                return True
            if node_id not in needs:
                links = [value for value in dynprompt.get_node(node_id)["inputs"].values() if is_link(value)]
                needs[node_id] = any([reaches(link[0]) for link in links])
            return needs[node_id]

        reaches(end)
        return [start, *(node_id for node_id, inside in needs.items() if inside)]


NODES = {
    cls.__name__: cls
    for cls in (
        TestSleep,
        TestAsyncError,
        TestAsyncValidation,
        TestCustomValidation1,
        TestVariadicAverage,
        TestLazyMixImages,
        TestExecutionBlocker,
        TestIntMathOperation,
        TestIntConditions,
        TestParallelSleep,
        TestMixedExpansionReturns,
        TestDynamicDependencyCycle,
        TestWhileLoopOpen,
        TestWhileLoopClose,
    )
}
