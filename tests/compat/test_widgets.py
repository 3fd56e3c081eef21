import json
from pathlib import Path
from typing import Annotated, Any

import pytest

from inhouse import Choices, Registry, Widget, node
from inhouse.compat.widgets import read_widgets, write_widgets

FRONTEND_ONLY = {"Load3D", "Load3DAnimation", "LoadImageOutput", "Preview3D", "RecordAudio", "SaveGLB", "WebcamCapture"}
"""Nodes whose widgets only the frontend's own code knows."""


def test_widgets_stand_in_the_order_in_which_the_frontend_saves_them(registry: Registry) -> None:
    text = (Path(__file__).parent / "data" / "widget_order.json").read_text(encoding="utf-8")
    saved: dict[str, list[str]] = json.loads(text)
    ours = {name: list(write_widgets(registry[name], {}, registry)) for name in saved.keys() - FRONTEND_ONLY}
    assert ours == {name: saved[name] for name in ours}


@pytest.mark.parametrize(
    "values",
    [
        [5, "randomize", 20, 7.5, "euler", "simple", 1.0],
        [5, 20, 7.5, "euler", "simple", 1.0],
        [5, True, 20, 7.5, "euler", "simple", 1.0],
        {"seed": 5, "denoise": 1.0, "steps": 20, "cfg": 7.5, "sampler_name": "euler", "scheduler": "simple", "x": 0},
    ],
)
def test_values_find_their_inputs_with_and_without_a_control(values: Any, registry: Registry) -> None:
    assert read_widgets(registry["KSampler"], values, ()) == {
        "seed": 5,
        "steps": 20,
        "cfg": 7.5,
        "sampler_name": "euler",
        "scheduler": "simple",
        "denoise": 1.0,
    }


def test_required_widgets_come_before_optional_ones_and_uploads_last() -> None:
    @node("Mixed")
    def mixed(
        *,
        image: Annotated[str, Choices(("a.png",)), Widget({"image_upload": True})],
        note: str | None = None,
        strength: float = 0.5,
        forced: Annotated[int, Widget({"forceInput": True})] = 1,
    ) -> None:
        """Have a bit of everything."""

    registry = Registry([mixed])
    assert write_widgets(mixed, {"note": "x"}, registry) == {
        "image": "a.png",
        "strength": 0.5,
        "note": "x",
        "upload": "image",
    }
    assert read_widgets(mixed, ["b.png", 0.7, "y", "image"], ()) == {"image": "b.png", "strength": 0.7, "note": "y"}


def test_a_type_that_the_file_shows_as_a_widget_is_read_as_one(registry: Registry) -> None:
    spec = registry["WebcamCapture"]
    assert read_widgets(spec, ["a.png", 1, 2, True], ("image",))["image"] == "a.png"
    assert read_widgets(spec, [1, 2, True], ()) == {"width": 1, "height": 2, "capture_on_queue": True}
