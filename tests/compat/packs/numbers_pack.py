# mypy: ignore-errors
# ruff: noqa: ANN001, ANN201, ANN206, FBT002, N802, N804 - written as packs of third parties are
"""Numbers: plain nodes, progress, failures, values of widgets."""

from comfy.model_management import throw_exception_if_processing_interrupted
from comfy.utils import ProgressBar
from PIL import Image


class Add:
    """An INT plus another."""

    @classmethod
    def INPUT_TYPES(s):
        return {"required": {"v": ("INT", {"default": 0}), "add": ("INT", {"default": 1, "min": -1000, "max": 1000})}}

    RETURN_TYPES = ("INT",)
    RETURN_NAMES = ("sum",)
    FUNCTION = "go"
    CATEGORY = "numbers"
    DESCRIPTION = "Adds."

    def go(self, v, add):
        return (v + add,)


class Sink:
    @classmethod
    def INPUT_TYPES(s):
        return {"required": {"v": ("*",)}}

    RETURN_TYPES = ()
    FUNCTION = "go"
    OUTPUT_NODE = True
    DEPRECATED = True

    def go(self, v):
        return {"ui": {"value": [str(v)]}}


class Typed:
    @classmethod
    def INPUT_TYPES(s):
        return {
            "required": {"v": ("INT",)},
            "optional": {
                "opt": ("FLOAT", {"default": 0.5}),
                "flag": ("BOOLEAN", {"default": True}),
                "s": ("STRING", {}),
            },
        }

    RETURN_TYPES = ()
    FUNCTION = "go"
    OUTPUT_NODE = True

    def go(self, v, opt=0.5, flag=True, s=""):
        return {"ui": {"got": [v, opt, flag, s]}}


class Loop:
    @classmethod
    def INPUT_TYPES(s):
        return {"required": {"steps": ("INT", {"default": 3})}}

    RETURN_TYPES = ("INT",)
    FUNCTION = "go"
    OUTPUT_NODE = True

    def go(self, steps):
        bar = ProgressBar(steps)
        for _ in range(steps - 1):
            throw_exception_if_processing_interrupted()
            bar.update(1)
        bar.update_absolute(steps, steps, ("JPEG", Image.new("RGB", (64, 32)), 16))
        return {"ui": {"done": [steps]}, "result": (steps,)}


class Raises:
    @classmethod
    def INPUT_TYPES(s):
        return {"required": {"v": ("INT", {"default": 0})}}

    RETURN_TYPES = ("INT",)
    FUNCTION = "go"
    OUTPUT_NODE = True

    def go(self, v):
        raise ValueError(f"failure v={v}")


class Forgetful:
    """Returns one value where a tuple is due."""

    @classmethod
    def INPUT_TYPES(s):
        return {"required": {}}

    RETURN_TYPES = "INT"
    FUNCTION = "go"

    def go(self):
        return 7


NODE_CLASS_MAPPINGS = {
    "T.Add": Add,
    "T.Sink": Sink,
    "T.Typed": Typed,
    "T.Loop": Loop,
    "T.Raises": Raises,
    "T.Forgetful": Forgetful,
}
NODE_DISPLAY_NAME_MAPPINGS = {"T.Add": "Add two"}
