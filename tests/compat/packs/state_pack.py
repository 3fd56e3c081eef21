# mypy: ignore-errors
# ruff: noqa: ANN001, ANN003, ANN201, ANN204, ANN206, ARG002, ARG003, N802, N804 - written as packs of third parties are
class Counter:
    """Counts its own calls, and is always new."""

    def __init__(self):
        self.calls = 0

    @classmethod
    def INPUT_TYPES(s):
        return {"required": {"v": ("INT", {"default": 0})}}

    RETURN_TYPES = ("INT",)
    FUNCTION = "go"

    @classmethod
    def IS_CHANGED(s, v):
        return float("nan")

    def go(self, v):
        self.calls += 1
        return (self.calls,)


class Keyed:
    """Is new whenever the first letter of its text is."""

    calls = 0

    @classmethod
    def INPUT_TYPES(s):
        return {"required": {"version": ("STRING", {"default": ""}), "v": ("INT", {"default": 0})}}

    RETURN_TYPES = ("INT",)
    FUNCTION = "go"

    @classmethod
    def IS_CHANGED(s, **kwargs):
        return s.seen

    seen = "a"

    def go(self, version, v):
        type(self).calls += 1
        return (type(self).calls,)


class Dice:
    """Gives another value at each place."""

    calls = 0

    @classmethod
    def INPUT_TYPES(s):
        return {"required": {}}

    RETURN_TYPES = ("INT",)
    FUNCTION = "go"
    NOT_IDEMPOTENT = True

    def go(self):
        type(self).calls += 1
        return (type(self).calls,)


NODE_CLASS_MAPPINGS = {"T.Counter": Counter, "T.Keyed": Keyed, "T.Dice": Dice}
