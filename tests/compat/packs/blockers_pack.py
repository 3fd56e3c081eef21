# mypy: ignore-errors
# ruff: noqa: ANN001, ANN201, ANN206, N802, N804 - written as packs of third parties are
from comfy_execution.graph import ExecutionBlocker


class Block:
    @classmethod
    def INPUT_TYPES(s):
        return {"required": {"v": ("INT", {"default": 1}), "how": (["pass", "silent", "loud", "all"],)}}

    RETURN_TYPES = ("INT", "INT")
    FUNCTION = "go"

    def go(self, v, how):
        if how == "all":
            return ExecutionBlocker(None)
        return (v, v if how == "pass" else ExecutionBlocker("Not today." if how == "loud" else None))


NODE_CLASS_MAPPINGS = {"T.Block": Block}
