# mypy: ignore-errors
# ruff: noqa: ANN001, ANN201, ANN206, N802, N804 - written as packs of third parties are
"""Stubs: pictures, masks and numbers made of nothing."""

_SIZE = {
    "height": ("INT", {"default": 512, "min": 1, "max": 1024, "step": 1}),
    "width": ("INT", {"default": 512, "min": 1, "max": 4096, "step": 1}),
    "batch_size": ("INT", {"default": 1, "min": 1, "max": 1024, "step": 1}),
}
_LEVEL = ("FLOAT", {"default": 0.5, "min": 0.0, "max": 1.0, "step": 0.01})


class StubImage:
    @classmethod
    def INPUT_TYPES(s):
        return {"required": {"content": (["WHITE", "BLACK", "NOISE"],), **_SIZE}}

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "run"
    CATEGORY = "stub"

    def run(self, content, height, width, batch_size):
        import torch

        shape = (batch_size, height, width, 3)
        if content == "NOISE":
            return (torch.rand(shape, generator=torch.Generator().manual_seed(0)),)
        return (torch.ones(shape) if content == "WHITE" else torch.zeros(shape),)


class StubConstantImage:
    @classmethod
    def INPUT_TYPES(s):
        return {"required": {"value": _LEVEL, **_SIZE}}

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "run"
    CATEGORY = "stub"

    def run(self, value, height, width, batch_size):
        import torch

        return (torch.full((batch_size, height, width, 3), value),)


class StubMask:
    @classmethod
    def INPUT_TYPES(s):
        return {"required": {"value": _LEVEL, **_SIZE}}

    RETURN_TYPES = ("MASK",)
    FUNCTION = "run"
    CATEGORY = "stub"

    def run(self, value, height, width, batch_size):
        import torch

        return (torch.full((batch_size, height, width), value),)


class StubInt:
    @classmethod
    def INPUT_TYPES(s):
        return {"required": {"value": ("INT", {"default": 0, "min": -0xFFFFFFFF, "max": 0xFFFFFFFF})}}

    RETURN_TYPES = ("INT",)
    FUNCTION = "run"
    CATEGORY = "stub"

    def run(self, value):
        return (value,)


NODES = {cls.__name__: cls for cls in (StubImage, StubConstantImage, StubMask, StubInt)}
