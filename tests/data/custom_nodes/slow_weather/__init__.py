# mypy: ignore-errors
# ruff: noqa: ANN001, ANN201, ANN206 - written as packs of third parties are
"""New-style nodes that wait for something, as those do that ask a service."""

import asyncio

from comfy.utils import ProgressBar
from comfy_api.latest import ComfyExtension, io, ui
from typing_extensions import override


class Forecast(io.ComfyNode):
    """Waits a little and tells the weather."""

    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="SlowWeather_Forecast",
            display_name="Forecast",
            category="weather",
            description="Tells the weather of a place.",
            inputs=[
                io.String.Input("place", default="Bonn"),
                io.Combo.Input("unit", options=["celsius", "kelvin"]),
                io.Int.Input("steps", default=2, min=1, max=9, optional=True),
            ],
            outputs=[io.String.Output("text"), io.Float.Output("degrees")],
            is_output_node=True,
        )

    @classmethod
    def validate_inputs(cls, place):
        return True if place.strip() else "Name a place."

    @classmethod
    async def execute(cls, place, unit, steps=2):
        bar = ProgressBar(steps)
        for _ in range(steps):
            await asyncio.sleep(0)
            bar.update(1)
        degrees = 20.0 if unit == "celsius" else 293.15
        text = f"{place}: {degrees}"
        return io.NodeOutput(text, degrees, ui=ui.PreviewText(text))


class WeatherExtension(ComfyExtension):
    @override
    async def get_node_list(self):
        return [Forecast]


async def comfy_entrypoint():
    return WeatherExtension()
