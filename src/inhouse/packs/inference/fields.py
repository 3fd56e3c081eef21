"""Nodes where a service begins and ends."""

from __future__ import annotations

from typing import Annotated, Any, get_args

from inhouse import Choices, Output, Result, Widget, Wire, node
from inhouse.errors import NodeInputError
from inhouse.models.signature import Kind

_CATEGORY = "inference/service"
Line = Annotated[str, Widget({"multiline": False})]


@node("ServiceInput", category=_CATEGORY, display_name="Service Input")
def service_input(
    *, name: Line = "texts", kind: Annotated[str, Choices(get_args(Kind))] = "text", value: Line = ""
) -> Annotated[Any, Wire("*"), Output("value")]:
    """A field that callers of a service give; on the canvas, the value typed in, as one of them would.

    In a model's pipeline it gives all rows of a batch.
    """
    return typed(name, kind, value)


@node("ServiceOutput", category=_CATEGORY, display_name="Service Output", output_node=True)
def service_output(*, value: Annotated[Any, Wire("*")], name: Line = "answer") -> Result:
    """A field that a service answers; on the canvas, what it would answer."""
    return Result(ui={"text": [f"{name}: {str(value)[:500]}"]})


@node("ServiceParameters", category=_CATEGORY, display_name="Service Parameters")
def service_parameters() -> Annotated[Any, Wire("JSON"), Output("parameters")]:
    """What a caller gives besides fields, such as the temperature of a chat; on the canvas, nothing."""
    return {}


def typed(name: str, kind: str, value: str) -> Any:
    """Return a value that was typed in as what it is meant to be.

    Raises:
        NodeInputError: it is none of that kind.

    """
    try:
        match kind:
            case "integer":
                return int(value)
            case "number":
                return float(value)
            case "boolean":
                return {"true": True, "false": False, "": False}[value.strip().lower()]
            case "text" | "choice" | "image" | "file":
                return value
            case _:
                import json

                return json.loads(value or "null")
    except (ValueError, KeyError) as error:
        raise NodeInputError(f"{value!r:.80} is no {kind} for the field {name!r}.", input_name="value") from error


NODES = (service_input, service_output, service_parameters)
