# mypy: ignore-errors
# ruff: noqa: ANN001, ANN201, ANN206, ARG002, N802, N804 - written as packs of third parties are
class Mix:
    """Needs ``a`` only if the share of ``b`` is not all, and the other way round."""

    @classmethod
    def INPUT_TYPES(s):
        return {
            "required": {"share": ("FLOAT", {"default": 0.5, "min": 0, "max": 1})},
            "optional": {
                "a": ("INT", {"lazy": True, "forceInput": True}),
                "b": ("INT", {"lazy": True, "forceInput": True}),
            },
            "hidden": {"me": "UNIQUE_ID"},
        }

    RETURN_TYPES = ("FLOAT",)
    FUNCTION = "mix"

    def check_lazy_status(self, share, me, a=None, b=None):
        assert me.isdecimal()
        return [name for name, value, weight in (("a", a, 1 - share), ("b", b, share)) if value is None and weight > 0]

    def mix(self, share, me, a=None, b=None):
        return ((a or 0) * (1 - share) + (b or 0) * share,)


class Eager:
    """Says that its input is lazy and never asks for it: such an input is always computed."""

    @classmethod
    def INPUT_TYPES(s):
        return {"required": {"a": ("INT", {"lazy": True})}}

    RETURN_TYPES = ("INT",)
    FUNCTION = "go"

    def go(self, a):
        return (a,)


NODE_CLASS_MAPPINGS = {"T.Mix": Mix, "T.Eager": Eager}
