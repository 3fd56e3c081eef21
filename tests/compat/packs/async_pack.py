# mypy: ignore-errors
# ruff: noqa: ANN001, ANN201, ANN206, N802, N804 - written as packs of third parties are
import asyncio


class Meet:
    """Two of them end only if both run at the same time."""

    arrived = 0

    @classmethod
    def INPUT_TYPES(s):
        return {"required": {"v": ("INT", {"default": 1})}}

    RETURN_TYPES = ("INT",)
    FUNCTION = "go"

    async def go(self, v):
        Meet.arrived += 1
        for _ in range(10_000):
            if Meet.arrived >= 2:
                return (v,)
            await asyncio.sleep(0.001)
        raise TimeoutError("nobody came")


class AsyncRaises:
    @classmethod
    def INPUT_TYPES(s):
        return {"required": {}}

    RETURN_TYPES = ("INT",)
    FUNCTION = "go"
    OUTPUT_NODE = True

    async def go(self):
        await asyncio.sleep(0)
        raise RuntimeError("asynchronous failure")


NODE_CLASS_MAPPINGS = {"T.Meet": Meet, "T.AsyncRaises": AsyncRaises}
