# mypy: ignore-errors
# ruff: noqa: ANN201, ANN206, N802 - written as packs of third parties are
"""One of two packs that both have a node called Mark."""


class Mark:
    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {}}

    RETURN_TYPES = ("STRING",)
    FUNCTION = "go"
    CATEGORY = "marks"

    def go(self):
        return ("second",)


NODE_CLASS_MAPPINGS = {"Mark": Mark}
