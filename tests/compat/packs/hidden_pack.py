# mypy: ignore-errors
# ruff: noqa: ANN001, ANN201, ANN206, N802, N804 - written as packs of third parties are
class Reveal:
    @classmethod
    def INPUT_TYPES(s):
        return {
            "required": {},
            "hidden": {
                "unique_id": "UNIQUE_ID",
                "prompt": "PROMPT",
                "extra_pnginfo": "EXTRA_PNGINFO",
                "dynprompt": "DYNPROMPT",
                "token": "AUTH_TOKEN_COMFY_ORG",
            },
        }

    RETURN_TYPES = ()
    FUNCTION = "go"
    OUTPUT_NODE = True
    EXPERIMENTAL = True

    def go(self, unique_id, prompt, extra_pnginfo, dynprompt, token):
        return {
            "ui": {
                "unique_id": [unique_id],
                "prompt": [prompt],
                "extra_pnginfo": [extra_pnginfo],
                "dynprompt_type": [type(dynprompt).__name__],
                "node": [dynprompt.get_node(unique_id)],
                "token": [token],
            }
        }


NODE_CLASS_MAPPINGS = {"T.Reveal": Reveal}
