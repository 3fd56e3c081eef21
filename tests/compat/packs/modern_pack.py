# mypy: ignore-errors
# ruff: noqa: ANN001, ANN201, ANN206, ARG003, FBT002 - written as packs of third parties are
"""New-style nodes."""

from enum import Enum

from comfy_api.latest import ComfyExtension, io, ui


class Mood(Enum):
    calm = "calm"
    loud = "loud"


Ticket = io.Custom("TICKET")


@io.comfytype(io_type="STAMP")
class Stamp(io.ComfyTypeIO):
    Type = str


class Say(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="T.Say",
            display_name="Say it",
            category="modern",
            description="Says it.",
            inputs=[
                io.String.Input("text", default="hello", multiline=True, dynamic_prompts=True),
                io.Int.Input("times", default=1, min=1, max=5, step=1, display_mode=io.NumberDisplay.slider),
                io.Float.Input("volume", default=0.5, min=0.0, max=1.0, step=0.1, round=0.01, optional=True),
                io.Boolean.Input("shout", default=False, label_on="yes", label_off="no", optional=True),
                io.Combo.Input("mood", options=Mood, default=Mood.calm, tooltip="How."),
                io.MultiType.Input("thing", types=[io.Int, io.String], optional=True, force_input=True),
                io.AnyType.Input("extra", optional=True),
            ],
            outputs=[
                io.String.Output(display_name="said"),
                io.Int.Output("count", tooltip="How often."),
            ],
            hidden=[io.Hidden.unique_id, io.Hidden.prompt],
            is_output_node=True,
            is_experimental=True,
            some_trait_of_tomorrow=1,
        )

    @classmethod
    def validate_inputs(cls, text):
        return True if text else "Say something."

    @classmethod
    def execute(cls, text, times, mood, volume=1.0, shout=False, thing=None, extra=None):
        said = " ".join([text.upper() if shout else text] * times)
        shown = f"{cls.hidden.unique_id}: {said} ({mood}, {thing}, {extra})"
        return io.NodeOutput(said, times, ui=ui.PreviewText(shown))


class Issue(io.ComfyNode):
    calls = 0

    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="T.Issue",
            inputs=[io.Int.Input("n", default=0)],
            outputs=[Ticket.Output(), Stamp.Output("stamp")],
        )

    @classmethod
    def fingerprint_inputs(cls, n):
        return float("nan")

    @classmethod
    async def execute(cls, n):
        Issue.calls += 1
        return io.NodeOutput({"number": n, "call": Issue.calls}, "stamped")


class Check(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="T.CheckTicket",
            inputs=[
                Ticket.Input("ticket", lazy=True),
                Stamp.Input("stamp", lazy=True, optional=True),
                io.Boolean.Input("strict", default=False),
            ],
            outputs=[io.Int.Output(is_output_list=True)],
            is_input_list=False,
        )

    @classmethod
    def check_lazy_status(cls, ticket=None, stamp=None, strict=False):
        return ["ticket"] if ticket is None else ["stamp"] if strict and stamp is None else []

    @classmethod
    def execute(cls, ticket, strict, stamp=None):
        if strict and stamp != "stamped":
            return io.NodeOutput(block_execution="No stamp.")
        return io.NodeOutput([ticket["number"]] * 2)


class Grow(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="T.Grow",
            inputs=[io.Int.Input("v", force_input=True)],
            outputs=[io.Int.Output()],
            enable_expand=True,
            not_idempotent=True,
        )

    @classmethod
    def execute(cls, v):
        from comfy_execution.graph_utils import GraphBuilder

        graph = GraphBuilder()
        grown = graph.node("T.Add", v=v, add=10)
        return io.NodeOutput(grown.out(0), expand=graph.finalize())


class Extension(ComfyExtension):
    async def on_load(self):
        Extension.loaded = True

    async def get_node_list(self):
        assert Extension.loaded
        return [Say, Issue, Check, Grow]


async def comfy_entrypoint():
    return Extension()
