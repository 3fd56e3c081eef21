# mypy: ignore-errors
# ruff: noqa: ANN001, ANN201, ANN206, ARG002, N802, PTH113, PTH118, PTH208, TID252 - written as packs of third parties are
"""A node that takes notes, and one that checks what it is told."""

import os

import comfy.samplers
import folder_paths
from server import PromptServer

from .book import NOTES


class GalleryNote:
    """Puts a note into the book, and tells the canvas."""

    @classmethod
    def INPUT_TYPES(cls):
        input_dir = folder_paths.get_input_directory()
        files = [f for f in os.listdir(input_dir) if os.path.isfile(os.path.join(input_dir, f))]
        return {
            "required": {
                "text": ("STRING", {"default": "", "multiline": True}),
                "picture": (["none", *sorted(files)],),
                "stars": ("INT", {"default": 3, "min": 0, "max": 5, "step": 1, "display": "slider"}),
            },
            "optional": {"sampler": (comfy.samplers.KSampler.SAMPLERS, {"default": "euler"})},
            "hidden": {"unique_id": "UNIQUE_ID"},
        }

    RETURN_TYPES = ("STRING",)
    RETURN_NAMES = ("note",)
    FUNCTION = "write"
    CATEGORY = "gallery"
    OUTPUT_NODE = True

    def write(self, text, picture, stars, sampler="euler", unique_id=None):
        note = f"{text} {'*' * stars}".strip()
        NOTES.append(note)
        PromptServer.instance.send_sync("gallery_notes.added", {"node": unique_id, "note": note, "count": len(NOTES)})
        return {"ui": {"text": [note]}, "result": (note,)}


class GalleryEven:
    """Takes even numbers only, and says so before anything runs."""

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"n": ("INT", {"default": 2, "min": 0, "max": 10})}}

    RETURN_TYPES = ("INT",)
    FUNCTION = "go"
    CATEGORY = "gallery"
    OUTPUT_NODE = True

    @classmethod
    def VALIDATE_INPUTS(cls, n):
        return True if n % 2 == 0 else f"{n} is odd"

    def go(self, n):
        return {"ui": {"n": [n]}, "result": (n,)}


NODE_CLASS_MAPPINGS = {"GalleryNote": GalleryNote, "GalleryEven": GalleryEven}
NODE_DISPLAY_NAME_MAPPINGS = {"GalleryNote": "Note on a picture"}
