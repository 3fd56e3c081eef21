# mypy: ignore-errors
# ruff: noqa: ANN001, ANN003, ANN201, ANN206, ARG001, ARG002, N802, N804, PTH118 - written as packs of third parties are
"""Files: choices that are listed anew, own checks, folders of models, a route of its own."""

import os

import folder_paths
import nodes
from server import PromptServer

folder_paths.add_model_folder_path("toys", os.path.join(folder_paths.models_dir, "toys"))


@PromptServer.instance.routes.get("/toys")
async def toys(request):
    raise AssertionError("nobody serves this")


class Pick:
    @classmethod
    def INPUT_TYPES(s):
        return {"required": {"toy": (folder_paths.get_filename_list("toys"),), "size": ([1, 2, 4], {"default": 2})}}

    RETURN_TYPES = ("STRING",)
    FUNCTION = "go"
    OUTPUT_NODE = True

    def go(self, toy, size):
        PromptServer.instance.send_sync("toy", {"name": toy})
        return {"ui": {"path": [folder_paths.get_full_path("toys", toy)], "size": [size]}, "result": (toy,)}


class Check:
    @classmethod
    def INPUT_TYPES(s):
        return {
            "required": {
                "name": (["known"],),
                "n": ("INT", {"min": 0, "max": 10}),
                "m": ("INT", {"default": 0, "min": 0, "max": 10}),
            }
        }

    RETURN_TYPES = ()
    FUNCTION = "go"
    OUTPUT_NODE = True

    @classmethod
    def VALIDATE_INPUTS(s, name, n):
        if name == "bad":
            return f"{name} is no name."
        return n != 13

    def go(self, name, n, m):
        return {"ui": {"name": [name]}}


class AnyPicture:
    """Looks at the types of what is linked itself, and takes a value that only its own widget gives."""

    @classmethod
    def INPUT_TYPES(s):
        return {"required": {"x": ("IMAGE",), "colour": ("COLOUR_WHEEL",)}}

    RETURN_TYPES = ()
    FUNCTION = "go"
    OUTPUT_NODE = True

    @classmethod
    def VALIDATE_INPUTS(s, input_types):
        return "x" in input_types

    def go(self, x, colour):
        return {"ui": {"got": [x, colour]}}


class Knows(nodes.NODE_CLASS_MAPPINGS["Core"]):
    """Builds on a node that the host has."""

    def run(self, **inputs):
        (doubled,) = super().run(**inputs)
        return (doubled + 1,)


NODE_CLASS_MAPPINGS = {"T.Pick": Pick, "T.Check": Check, "T.AnyPicture": AnyPicture, "T.Knows": Knows}
