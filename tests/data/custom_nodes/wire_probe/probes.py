# mypy: ignore-errors
# ruff: noqa: ANN001, ANN201, ANN206, ARG002, ARG003, N802, N804 - written as packs of third parties are
"""Probes: nodes that take few inputs and show what they were given."""

import time

_LARGE_INT = ("INT", {"default": 3, "min": 0, "max": 1000})


class ProbeAdd:
    @classmethod
    def INPUT_TYPES(s):
        return {"required": {"v": _LARGE_INT, "add": ("INT", {"default": 1, "min": 0, "max": 1000})}}

    RETURN_TYPES = ("INT",)
    FUNCTION = "run"
    CATEGORY = "probe"

    def run(self, v, add):
        return (v + add,)


class ProbeSink:
    @classmethod
    def INPUT_TYPES(s):
        return {"required": {"v": ("*", {})}}

    RETURN_TYPES = ()
    FUNCTION = "run"
    CATEGORY = "probe"
    OUTPUT_NODE = True

    def run(self, v):
        return {"ui": {"value": [str(v)]}}


class ProbeIntSink:
    @classmethod
    def INPUT_TYPES(s):
        return {
            "required": {"v": ("INT", {"default": 3, "min": 0, "max": 10, "step": 1})},
            "optional": {
                "opt": ("FLOAT", {"default": 0.5, "min": 0.0, "max": 1.0}),
                "mode": (["a", "b", "c"], {"default": "a"}),
                "flag": ("BOOLEAN", {"default": True}),
                "s": ("STRING", {"default": ""}),
            },
        }

    RETURN_TYPES = ("INT",)
    FUNCTION = "run"
    CATEGORY = "probe"
    OUTPUT_NODE = True

    def run(self, v, opt=0.5, mode="a", flag=True, s=""):  # noqa: FBT002 - as such packs do
        return {"ui": {"got": [v, opt, mode, flag, s]}, "result": (v,)}


class ProbeRaise:
    @classmethod
    def INPUT_TYPES(s):
        return {"required": {"v": _LARGE_INT}, "optional": {"img": ("IMAGE",)}}

    RETURN_TYPES = ()
    FUNCTION = "run"
    CATEGORY = "probe"
    OUTPUT_NODE = True

    def run(self, v, img=None):
        raise ValueError(f"probe failure v={v}")


class ProbeLoop:
    """Takes its time, four steps a second."""

    @classmethod
    def INPUT_TYPES(s):
        return {
            "required": {
                "seconds": ("FLOAT", {"default": 1.0, "min": 0.0, "max": 600.0}),
                "tag": ("STRING", {"default": ""}),
            }
        }

    RETURN_TYPES = ("STRING",)
    FUNCTION = "run"
    CATEGORY = "probe"
    OUTPUT_NODE = True

    def run(self, seconds, tag):
        from comfy.utils import ProgressBar

        steps = max(1, round(seconds * 4))
        bar = ProgressBar(steps)
        for _ in range(steps):
            time.sleep(seconds / steps)
            bar.update(1)
        return {"ui": {"tag": [tag]}, "result": (tag,)}


class ProbeList:
    @classmethod
    def INPUT_TYPES(s):
        return {"required": {"n": ("INT", {"default": 3, "min": 0, "max": 100})}}

    RETURN_TYPES = ("INT",)
    OUTPUT_IS_LIST = (True,)
    FUNCTION = "run"
    CATEGORY = "probe"

    def run(self, n):
        return (list(range(n)),)


class ProbeGather:
    @classmethod
    def INPUT_TYPES(s):
        return {"required": {"v": ("INT", {"forceInput": True})}}

    RETURN_TYPES = ()
    INPUT_IS_LIST = True
    FUNCTION = "run"
    CATEGORY = "probe"
    OUTPUT_NODE = True

    def run(self, v):
        return {"ui": {"list": v}}


class ProbeHidden:
    @classmethod
    def INPUT_TYPES(s):
        return {
            "required": {},
            "hidden": {
                "unique_id": "UNIQUE_ID",
                "prompt": "PROMPT",
                "extra_pnginfo": "EXTRA_PNGINFO",
                "dynprompt": "DYNPROMPT",
            },
        }

    RETURN_TYPES = ()
    FUNCTION = "run"
    CATEGORY = "probe"
    OUTPUT_NODE = True

    def run(self, unique_id=None, prompt=None, extra_pnginfo=None, dynprompt=None):
        return {
            "ui": {
                "unique_id": [unique_id],
                "prompt": [prompt],
                "extra_pnginfo": [extra_pnginfo],
                "dynprompt_type": [type(dynprompt).__name__],
            }
        }


class ProbeIsChanged:
    @classmethod
    def INPUT_TYPES(s):
        return {"required": {"v": _LARGE_INT}}

    RETURN_TYPES = ("INT",)
    FUNCTION = "run"
    CATEGORY = "probe"

    @classmethod
    def IS_CHANGED(s, v):
        return float("nan")

    def run(self, v):
        return (v,)


class ProbeText:
    @classmethod
    def INPUT_TYPES(s):
        return {"required": {"text": ("STRING", {"default": ""})}, "hidden": {"unique_id": "UNIQUE_ID"}}

    RETURN_TYPES = ()
    FUNCTION = "run"
    CATEGORY = "probe"
    OUTPUT_NODE = True

    def run(self, text, unique_id=None):
        from server import PromptServer

        PromptServer.instance.send_progress_text(text, unique_id)
        return {"ui": {"text": [text]}}


class ProbeListWidget:
    @classmethod
    def INPUT_TYPES(s):
        return {"required": {"xs": ("*", {})}}

    RETURN_TYPES = ()
    FUNCTION = "run"
    CATEGORY = "probe"
    OUTPUT_NODE = True

    def run(self, xs):
        return {"ui": {"xs": [xs]}}


class ProbeValidateRaisesInner:
    @classmethod
    def INPUT_TYPES(s):
        return {"required": {"v": _LARGE_INT}}

    RETURN_TYPES = ("INT",)
    FUNCTION = "run"
    CATEGORY = "probe"

    @classmethod
    def VALIDATE_INPUTS(s, v):
        raise ValueError("boom in validate")

    def run(self, v):
        return (v,)


class ProbeValidateRaises(ProbeValidateRaisesInner):
    OUTPUT_NODE = True


NODES = {
    cls.__name__: cls
    for cls in (
        ProbeAdd,
        ProbeSink,
        ProbeIntSink,
        ProbeRaise,
        ProbeLoop,
        ProbeList,
        ProbeGather,
        ProbeHidden,
        ProbeIsChanged,
        ProbeText,
        ProbeListWidget,
        ProbeValidateRaises,
        ProbeValidateRaisesInner,
    )
}
