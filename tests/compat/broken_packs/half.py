# mypy: ignore-errors
# ruff: noqa: ANN201, ANN206, N802, N804 - written as packs of third parties are
class Good:
    @classmethod
    def INPUT_TYPES(s):
        return {"required": {}}

    RETURN_TYPES = ("INT",)
    FUNCTION = "go"
    OUTPUT_NODE = True

    def go(self):
        return {"ui": {"n": [1]}, "result": (1,)}


class Bad(Good):
    @classmethod
    def INPUT_TYPES(s):
        raise OSError("the disk is gone")


class Worse(Good):
    FUNCTION = "not_there"


NODE_CLASS_MAPPINGS = {"B.Good": Good, "B.Bad": Bad, "B.Worse": Worse}
