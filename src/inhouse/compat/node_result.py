"""What a custom node returns, read as a ``Result``: tuples, ``{"ui", "result", "expand"}``, and V3's ``NodeOutput``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from inhouse.compat.calls_in_progress import current_call
from inhouse.compat.graph_builder import is_link
from inhouse.compat.prompt import WRAPPER, read_link
from inhouse.engine.node import Blocker, Result
from inhouse.engine.workflow import WorkflowNode
from inhouse.errors import NodeExecutionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inhouse.compat.dynamic_prompt import Expansions
    from inhouse.engine.sockets import OutputSpec


def read_result(returned: Any, outputs: Sequence[OutputSpec], expansions: Expansions) -> Result:
    """Return what a node's function returned as a result.

    Args:
        returned: a tuple or list of values, one value, a mapping with ``ui``, ``result`` and ``expand``, an object
            with ``as_mapping`` that gives one, or a blocker for all outputs.
        outputs: what the node declares.
        expansions: remembers the nodes of an expansion.

    Raises:
        NodeExecutionError: the expansion is malformed.

    """
    if hasattr(returned, "as_mapping"):
        returned = returned.as_mapping()
    parts = returned if isinstance(returned, Mapping) else {"result": returned}
    values = _values(parts.get("result"), outputs)
    expand = _expansion(parts.get("expand"))
    if expand is not None:
        values = tuple((read_link(value) or value) if is_link(value) else value for value in values)
        call = current_call()
        if call is not None:
            expansions.add(call.context, expand)
    return Result(values, parts.get("ui"), expand)


def _values(result: Any, outputs: Sequence[OutputSpec]) -> tuple[Any, ...]:
    if isinstance(result, Blocker):
        return (result,) * len(outputs)
    if result is None or (isinstance(result, tuple | list) and not result):
        return tuple([] if output.is_list else None for output in outputs)
    if not isinstance(result, tuple | list):
        return (result,)
    return tuple(result[: len(outputs)])


def _expansion(graph: Any) -> dict[str, WorkflowNode] | None:
    if graph is None:
        return None
    if hasattr(graph, "finalize"):
        graph = graph.finalize()
    try:
        return {str(node_id): _node(node) for node_id, node in graph.items()}
    except (AttributeError, KeyError, TypeError) as error:
        raise NodeExecutionError(
            f"The node expanded into something that is no graph: {type(error).__name__}: {error}.",
            hint="A graph has nodes by id, each with class_type and inputs; build it with GraphBuilder.",
        ) from error


def _node(node: Mapping[str, Any]) -> WorkflowNode:
    inputs = {name: _input(value) for name, value in node["inputs"].items()}
    return WorkflowNode(str(node["class_type"]), inputs, display_id=node.get("override_display_id") or "")


def _input(value: Any) -> Any:
    if is_link(value):
        return read_link(value)
    return value[WRAPPER] if isinstance(value, dict) and WRAPPER in value else value
