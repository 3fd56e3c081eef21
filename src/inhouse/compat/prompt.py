"""The API format: nodes by id, each with ``class_type``, ``inputs`` and a title in ``_meta``.

An input is a literal, a link ``[node id, slot]``, or a literal list wrapped as ``{"__value__": [...]}``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from inhouse.compat.json_text import is_finite
from inhouse.engine.workflow import Link, Malformed, Workflow, WorkflowNode
from inhouse.errors import Fault, WorkflowFormatError, WorkflowInvalidError

WRAPPER = "__value__"


def read_prompt(document: object, extra: Mapping[str, Any] | None = None, *, lenient: bool = False) -> Workflow:
    """Read a workflow in the API format.

    Args:
        document: node id -> node, as parsed from JSON.
        extra: documents that came with it, such as ``{"workflow": canvas}``; kept in the workflow's ``source``.
        lenient: whether a malformed link is a fault only of a node that somebody needs.

    Raises:
        WorkflowFormatError: it is no mapping of nodes, or has none.
        WorkflowInvalidError: some nodes are malformed; every fault names its node.

    """
    if not isinstance(document, Mapping):
        kind = type(document).__name__
        raise WorkflowFormatError(f"The workflow is a {kind}, not nodes by id.", hint="Export it in the API format.")
    if not document:
        raise WorkflowFormatError("The workflow has no nodes.", hint="Add some and export it again.")
    faults: list[Fault] = []
    nodes = {
        str(node_id): _read_node(str(node_id), node, faults, lenient=lenient) for node_id, node in document.items()
    }
    if faults:
        raise WorkflowInvalidError(faults)
    return with_source(nodes, extra or {})


def with_source(nodes: Mapping[str, WorkflowNode], extra: Mapping[str, Any]) -> Workflow:
    """Return the nodes as a workflow whose ``source`` has them in the API format, and the documents in ``extra``."""
    return Workflow(nodes, {"prompt": write_prompt(Workflow(nodes)), **extra})


def write_prompt(workflow: Workflow) -> dict[str, Any]:
    """Write a workflow in the API format, ready for ``json.dumps``."""
    return {node_id: _write_node(node) for node_id, node in workflow.nodes.items()}


def read_link(value: object) -> Link | None:
    """Return a list as a link, if it has the form of one: a node id and a slot."""
    match value:
        case [str() | int() as node, int() | float() as slot] if not isinstance(node, bool) and not isinstance(
            slot, bool
        ):
            return Link(str(node), int(slot)) if slot == slot // 1 else None
    return None


def _read_node(node_id: str, node: object, faults: list[Fault], *, lenient: bool) -> WorkflowNode:
    def fault(code: str, message: str, input_name: str = "", hint: str = "") -> None:
        faults.append(Fault(code, message, node_id, input_name, hint))

    if not isinstance(node, Mapping):
        fault("malformed_node", f"It is a {type(node).__name__}, not a node.", hint="A node has class_type and inputs.")
        return WorkflowNode("")
    kind = node.get("class_type")
    if not isinstance(kind, str) or not kind:
        fault("missing_class_type", "The node does not say what it is.", hint="Give it a class_type.")
        kind = ""
    given = node.get("inputs", {})
    if not isinstance(given, Mapping):
        fault("malformed_node", f"Its inputs are a {type(given).__name__}.", hint="They are values by name.")
        given = {}
    inputs = {}
    for name, value in given.items():
        try:
            inputs[str(name)] = _read_value(value)
        except ValueError as error:
            inputs[str(name)] = Malformed(value, "bad_linked_input", str(error))
            if not lenient:
                fault("bad_linked_input", str(error), str(name), 'Write ["node id", slot], or {"__value__": [...]}.')
    meta = node.get("_meta")
    title = meta.get("title") if isinstance(meta, Mapping) else None
    return WorkflowNode(kind, inputs, title if isinstance(title, str) else "")


def _read_value(value: Any) -> Any:
    if isinstance(value, list):
        link = read_link(value)
        if link is None:
            raise ValueError(f"A list of {len(value)} is no link: {str(value)[:60]}.")
        return link
    if not is_finite(value):
        raise ValueError(f"{str(value)[:60]} is not a finite number.")
    return value[WRAPPER] if isinstance(value, Mapping) and WRAPPER in value else value


def _write_node(node: WorkflowNode) -> dict[str, Any]:
    inputs = {name: _write_value(value) for name, value in node.inputs.items()}
    written: dict[str, Any] = {"inputs": inputs, "class_type": node.type}
    if node.title:
        written["_meta"] = {"title": node.title}
    return written


def _write_value(value: Any) -> Any:
    if value.__class__ is Link:
        return [value.node, value.slot]
    if value.__class__ is Malformed:
        return value.given
    if isinstance(value, list | tuple) or (isinstance(value, Mapping) and WRAPPER in value):
        return {WRAPPER: value}
    return value
