# mypy: ignore-errors
# ruff: noqa: ANN001, ANN201, ANN206, N802, N804, TID252 - written as packs of third parties are
from .helpers import AnyType


class MakeList:
    @classmethod
    def INPUT_TYPES(s):
        return {"required": {"n": ("INT", {"default": 3})}}

    RETURN_TYPES = ("INT",)
    OUTPUT_IS_LIST = (True,)
    FUNCTION = "go"

    def go(self, n):
        return (list(range(n)),)


class Gather:
    @classmethod
    def INPUT_TYPES(s):
        return {"required": {"v": (AnyType("*"),)}, "hidden": {"me": "UNIQUE_ID"}}

    INPUT_IS_LIST = True
    RETURN_TYPES = (AnyType("*"),)
    FUNCTION = "go"
    OUTPUT_NODE = True

    def go(self, v, me):
        return {"ui": {"list": [v], "me": me}, "result": (v,)}


class Pair:
    """Two lists are walked in step."""

    @classmethod
    def INPUT_TYPES(s):
        return {"required": {"a": ("INT",), "b": ("INT",)}}

    RETURN_TYPES = ()
    FUNCTION = "go"
    OUTPUT_NODE = True

    def go(self, a, b):
        return {"ui": {"pairs": [[a, b]]}}


NODE_CLASS_MAPPINGS = {"T.MakeList": MakeList, "T.Gather": Gather, "T.Pair": Pair}
