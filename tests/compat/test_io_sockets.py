from enum import Enum
from typing import Any

import pytest

from inhouse.compat.io_sockets import FolderType, NumberDisplay, UploadType, comfytype, custom, socket_types

IO: dict[str, Any] = socket_types()


class Mood(Enum):
    calm = "calm"
    loud = "loud"


@pytest.mark.parametrize(
    ("socket", "pair"),
    [
        (IO["Image"].Input("x"), ("IMAGE", {})),
        (
            IO["Image"].Input("x", "X", optional=True, tooltip="t", lazy=True),
            ("IMAGE", {"display_name": "X", "tooltip": "t", "lazy": True}),
        ),
        (
            IO["Int"].Input("x", min=1, max=2, display_mode=NumberDisplay.slider),
            ("INT", {"min": 1, "max": 2, "display": "slider"}),
        ),
        (
            IO["Int"].Input("x", default=0, control_after_generate=True),
            ("INT", {"default": 0, "control_after_generate": True}),
        ),
        (
            IO["String"].Input("x", multiline=True, dynamic_prompts=False),
            ("STRING", {"multiline": True, "dynamicPrompts": False}),
        ),
        (
            IO["Combo"].Input("x", ["a"], default="a"),
            ("COMBO", {"multiselect": False, "options": ["a"], "default": "a"}),
        ),
        (
            IO["Combo"].Input("x", options=Mood, default=Mood.loud),
            ("COMBO", {"multiselect": False, "options": ["calm", "loud"], "default": "loud"}),
        ),
        (
            IO["Combo"].Input("x", options=[], upload=UploadType.image, image_folder=FolderType.output),
            ("COMBO", {"multiselect": False, "options": [], "image_upload": True, "image_folder": "output"}),
        ),
        (IO["MultiCombo"].Input("x", options=["a"]), ("COMBO", {"multiselect": True, "options": ["a"]})),
        (IO["MultiType"].Input("x", types=[IO["Image"], IO["Mask"]]), ("IMAGE,MASK", {})),
        (
            IO["MultiType"].Input(IO["Float"].Input("x", default=1.0), types=[IO["Int"]]),
            ("FLOAT,INT", {"default": 1.0}),
        ),
        (IO["MatchType"].Input("x", IO["MatchType"].Template("T")), ("*", {})),
        (IO["MatchType"].Input("x", IO["MatchType"].Template("T", [IO["Image"], IO["Mask"]])), ("IMAGE,MASK", {})),
        (IO["AnyType"].Input("x", raw_link=True, extra_dict={"own": 1}), ("*", {"rawLink": True, "own": 1})),
        (custom("MINE").Input("x"), ("MINE", {})),
    ],
)
def test_inputs_are_described_as_clients_expect(socket: Any, pair: tuple[str, dict[str, Any]]) -> None:
    assert socket.id == "x"
    assert socket.as_pair() == pair


def test_a_type_of_a_packs_own_keeps_its_own_input() -> None:
    @comfytype(io_type="MINE")
    class Mine:
        class Input(IO["Int"].Input):  # type: ignore[misc] # a base chosen at run time
            pass

    made: Any = Mine
    assert made.Input("x", min=1).as_pair() == ("MINE", {"min": 1})
    assert made.Output("y", is_output_list=True).io_type == "MINE"
    assert IO["Int"].Input("x").as_pair() == ("INT", {})
