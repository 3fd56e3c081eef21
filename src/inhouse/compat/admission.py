"""Admission: what a client sends to ``/prompt``, as a run that can be queued, or a refusal that says why not."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from inhouse.compat.json_text import finite, is_finite, parse_json
from inhouse.compat.prompt import WRAPPER
from inhouse.compat.refusals import all_outputs_failed, node_errors, refused
from inhouse.engine.validation import Validation, validate
from inhouse.engine.workflow import Link, Malformed, Workflow, WorkflowNode
from inhouse.errors import WorkflowFormatError

if TYPE_CHECKING:
    from inhouse.engine.node import NodeSpec
    from inhouse.engine.registry import Registry

_SECRETS = ("auth_token_comfy_org", "api_key_comfy_org")
"""What clients send along and nothing here needs; it is not stored."""
_JSON_KINDS = {type(None): "null", str: "text", list: "a list", bool: "a truth value"}
_LONGEST_ID = 200
_MAX_PRIORITY = 1000


@dataclass(frozen=True, slots=True)
class Admission:
    """A prompt that was accepted.

    Attributes:
        prompt_id: what the client calls the run; None if it leaves that to the server.
        client_id: the socket that hears of it; None if nobody's.
        number: its place in the queue, the lowest first; None for the next one.
        front: whether it goes before all that have no number of their own.
        priority: higher goes first.
        workflow: what runs.
        document: the workflow as it was sent, literals coerced to the declared types.
        extra: what came with it, without secrets.
        targets: the output nodes to run; those without a fault.
        node_errors: what is wrong with the rest.

    """

    prompt_id: str | None
    client_id: str | None
    number: float | None
    front: bool
    workflow: Workflow
    document: Mapping[str, Any]
    extra: dict[str, Any]
    targets: tuple[str, ...]
    node_errors: dict[str, Any] = field(default_factory=dict)
    priority: int = 0


def read_body(data: bytes) -> Mapping[str, Any]:
    """Return the body of a request as JSON data.

    Raises:
        RefusedError: it is no JSON that can be used, or no object.

    """
    import orjson

    try:
        body = parse_json(data, "The request")
        orjson.dumps(body)
    except WorkflowFormatError as error:
        raise refused("invalid_json", error.message, hint=error.hint) from error
    except TypeError as error:  # half a character, an integer of more than 64 bits, hundreds of brackets
        raise refused("invalid_json", f"The request cannot be stored: {error}.") from error
    if not isinstance(body, Mapping):
        raise refused("no_prompt", "No prompt provided", "No prompt provided")
    return body


def admit(body: Mapping[str, Any], registry: Registry) -> Admission:
    """Check what a client sends to ``/prompt``.

    Args:
        body: the request's body.
        registry: the nodes there are.

    Raises:
        RefusedError: it cannot run; what to answer is in the error.

    """
    if "prompt" not in body:
        raise refused("no_prompt", "No prompt provided", "No prompt provided")
    prompt = body["prompt"]
    workflow, specs = _read_workflow(prompt, registry)
    outputs = _outputs(specs, body.get("partial_execution_targets"))
    if not outputs:
        raise refused("prompt_no_outputs", "Prompt has no outputs")
    found = validate(workflow, registry, outputs)
    errors = {}
    if found.faults:
        errors = node_errors(found, workflow, registry, outputs, found.faults)
        if not found.targets:
            raise all_outputs_failed(errors, outputs, found.faults)
    client_id = body.get("client_id")
    return Admission(
        prompt_id=_prompt_id(body.get("prompt_id")),
        client_id=None if client_id is None else str(client_id),
        number=_number(body.get("number")),
        front=bool(body.get("front")),
        workflow=workflow,
        document=_coerced(prompt, workflow, found),
        extra=_extra(body),
        targets=found.targets,
        node_errors=errors,
        priority=_priority(body.get("priority", 0)),
    )


# -- the workflow -----------------------------------------------------------------------------------------------------


def _read_workflow(prompt: Any, registry: Registry) -> tuple[Workflow, dict[str, NodeSpec]]:
    """Read the nodes; what keeps a node from being known refuses the whole, needed or not."""
    if not isinstance(prompt, Mapping):
        if prompt == []:
            raise refused("prompt_no_outputs", "Prompt has no outputs")
        kind = _JSON_KINDS.get(type(prompt), "a number")
        raise refused("invalid_prompt", f"The prompt is {kind}, not nodes by id.", hint="Export it in the API format.")
    nodes: dict[str, WorkflowNode] = {}
    specs: dict[str, NodeSpec] = {}
    for node_id, node in prompt.items():
        if not isinstance(node, Mapping) or "class_type" not in node:
            message = "Cannot execute because a node is missing the class_type property."
            raise refused("invalid_prompt", message, f"Node ID '#{node_id}'")
        kind = node["class_type"]
        spec = registry.get(kind) if isinstance(kind, str) else None
        if spec is None:
            raise _unknown(node_id, kind, registry)
        specs[node_id] = spec
        nodes[node_id] = _read_node(node_id, node, spec)
    return Workflow(nodes), specs


def _unknown(node_id: str, kind: Any, registry: Registry) -> Exception:
    similar = registry.similar(kind) if isinstance(kind, str) else []
    hint = f"Did you mean {' or '.join(similar)}?" if similar else "Install the pack that has it."
    message = f"Cannot execute because node {kind!s:.200} does not exist."
    return refused("invalid_prompt", message, f"Node ID '#{node_id}'", hint=hint)


def _read_node(node_id: str, node: Mapping[str, Any], spec: NodeSpec) -> WorkflowNode:
    if "inputs" not in node:
        return WorkflowNode(spec.id, dict.fromkeys(spec.inputs, Malformed(None, "no_inputs", "'inputs'", "KeyError")))
    given = node["inputs"]
    if not isinstance(given, Mapping):
        message = f"The inputs of node {node_id} are a {type(given).__name__}, not values by name."
        raise refused("invalid_prompt", message, f"Node ID '#{node_id}'")
    inputs: dict[str, Any] = {}
    for name, value in given.items():
        kind = value.__class__
        if kind is list:
            inputs[name] = _read_link(value)
        elif kind is str or kind is int or kind is bool:
            inputs[name] = value
        elif value is None:
            inputs[name] = _read_null(spec, name)
        elif not is_finite(value):
            message = f"Input {name} of node {node_id} is not a finite number."
            raise refused("invalid_prompt", message, f"Node ID '#{node_id}'", hint="JSON has neither NaN nor Infinity.")
        else:
            inputs[name] = value[WRAPPER] if kind is dict and WRAPPER in value else value
    return WorkflowNode(spec.id, inputs)


def _read_link(value: list[Any]) -> Link | Malformed:
    if len(value) != 2:
        return Malformed(value, "bad_linked_input", "It is no link.")
    node_id, slot = value
    if node_id.__class__ is not str:
        return Malformed(value, "missing_node", repr(node_id), "KeyError")
    if slot.__class__ is not int:
        said = f"tuple indices must be integers or slices, not {type(slot).__name__}"
        return Malformed(value, "bad_slot", said, "TypeError")
    return Link(node_id, slot)


def _read_null(spec: NodeSpec, name: str) -> str | None:
    """Return null for whoever takes it; a text input gets the word for it, as it would there."""
    declared = spec.inputs.get(name)
    return "None" if declared is not None and declared.exact is str else None


def _outputs(specs: Mapping[str, NodeSpec], targets: Any) -> list[str]:
    outputs = [node_id for node_id, spec in specs.items() if spec.output_node]
    if targets is None:
        return outputs
    if not isinstance(targets, list):
        raise refused("invalid_targets", "partial_execution_targets is no list of node ids.")
    wanted = set(map(str, targets))
    return [node_id for node_id in outputs if node_id in wanted]


def _coerced(prompt: Mapping[str, Any], workflow: Workflow, found: Validation) -> Mapping[str, Any]:
    """Return the prompt with the literals that were read differently than they were sent; the rest is shared.

    A list that came wrapped stays so: the prompt can be sent again as it is stored.
    """
    changed: dict[str, Any] = {}
    for node_id in found.order:
        given, read = workflow.nodes[node_id].inputs, found.inputs[node_id]
        sent = prompt[node_id].get("inputs", given)
        fresh = {
            name: value
            for name, value in read.items()
            if (value is not given[name] or value is not sent[name]) and not isinstance(value, Link | list | dict)
        }
        if fresh:
            changed[node_id] = {**prompt[node_id], "inputs": {**sent, **fresh}}
    return {node_id: changed.get(node_id, node) for node_id, node in prompt.items()} if changed else prompt


# -- what comes with it -----------------------------------------------------------------------------------------------


def _extra(body: Mapping[str, Any]) -> dict[str, Any]:
    given = body.get("extra_data")
    if given is None:
        given = {}
    if not isinstance(given, Mapping):
        raise refused("invalid_extra_data", f"extra_data is a {type(given).__name__}, not an object.")
    extra = {name: finite(value) for name, value in given.items() if name not in _SECRETS}
    if body.get("client_id") is not None:
        extra["client_id"] = body["client_id"]
    return extra


def _number(given: Any) -> float | None:
    if given is None:
        return None
    try:
        number = float(given)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise refused("invalid_number", f"number is {given!r:.80}, not a finite number.")
    return number


def _priority(given: Any) -> int:
    if not isinstance(given, int) or abs(given) > _MAX_PRIORITY:
        raise refused("invalid_priority", f"priority is {given!r:.80}, not an integer within ±{_MAX_PRIORITY}.")
    return int(given)


def _prompt_id(given: Any) -> str | None:
    """Return the id that a client chose; it becomes part of addresses and names of files."""
    if given is None:
        return None
    chosen = str(given)
    if (
        not 0 < len(chosen) <= _LONGEST_ID
        or not chosen.isprintable()
        or {"/", "\\"} & {*chosen}
        or not chosen.strip(".")
    ):
        hint = f"Use 1 to {_LONGEST_ID} printable characters without slashes."
        raise refused("invalid_prompt_id", f"prompt_id is {chosen!r:.80}.", hint=hint)
    return chosen
