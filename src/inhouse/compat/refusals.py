"""Refusals: what is wrong with a workflow, in the words and the form in which ComfyUI's clients expect to hear it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from inhouse.compat.object_info import input_config, type_name
from inhouse.engine.workflow import Link
from inhouse.errors import WorkflowError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from inhouse.engine.markers import Range
    from inhouse.engine.registry import Registry
    from inhouse.engine.sockets import InputSpec
    from inhouse.engine.validation import Validation
    from inhouse.engine.workflow import Workflow
    from inhouse.errors import Fault

_MANY = 20
"""Longer lists of choices are counted, not printed."""
_OF_INPUTS = frozenset(
    {
        "required_input_missing",
        "bad_linked_input",
        "return_type_mismatch",
        "value_smaller_than_min",
        "value_bigger_than_max",
        "invalid_input_type",
        "link_expected",
    }
)
"""Faults of an input that are told with its description."""
_NOT_THERE = ("value_not_in_list", "model_not_found")
"""Faults of a choice that need no words of their own; others do, such as of a path that leaves its folder."""
_MOST = 200
"""Of so many nodes the errors are told: of thousands nobody reads them, and to find who needs which takes long."""
_CHECK_FAILED = re.compile(r"The node's own check failed: (\w+): (.*)", re.DOTALL)
"""What validation says of a check that raised, here or in another process."""
_MESSAGES = {
    "required_input_missing": "Required input is missing",
    "bad_linked_input": "Bad linked input, must be a length-2 list of [node_id, slot_index]",
    "return_type_mismatch": "Return type mismatch between linked nodes",
    "value_not_in_list": "Value not in list",
    "custom_validation_failed": "Custom validation failed for node",
    "exception_during_validation": "Exception when validating node",
    "exception_during_inner_validation": "Exception when validating inner node",
    "dependency_cycle": "The nodes feed each other in a circle",
}


class RefusedError(WorkflowError):
    """A prompt is not accepted.

    Attributes:
        status: of the HTTP answer.
        body: of the HTTP answer: ``error`` (``type``, ``message``, ``details``, ``extra_info``) and ``node_errors``.

    """

    code = "workflow_refused"

    def __init__(self, body: Mapping[str, Any], status: int = 400) -> None:
        error = body["error"]
        super().__init__(": ".join(filter(None, (error["message"], error["details"]))))
        self.status = status
        self.body = body


def refused(kind: str, message: str, details: str = "", *, hint: str = "", status: int = 400) -> RefusedError:
    """Return the refusal of a whole prompt, for a reason that is no single node's."""
    error = {"type": kind, "message": message, "details": details, "extra_info": {"hint": hint} if hint else {}}
    return RefusedError({"error": error, "node_errors": {}}, status)


def all_outputs_failed(errors: Mapping[str, Any], outputs: Iterable[str], faults: Iterable[Fault]) -> RefusedError:
    """Return the refusal of a prompt none of whose outputs can be made.

    Args:
        errors: what ``node_errors`` returned.
        outputs: the output nodes that were to be made.
        faults: all that is wrong; cycles are told in the details.

    """
    told = [f"{e['message']}: {e['details']}" for output in outputs for e in errors.get(output, {}).get("errors", ())]
    told += [f"{_MESSAGES['dependency_cycle']}: {_circle(fault)}" for fault in faults if fault.code == "cycle"]
    error = {
        "type": "prompt_outputs_failed_validation",
        "message": "Prompt outputs failed validation",
        "details": "\n".join(dict.fromkeys(told)),
        "extra_info": {},
    }
    return RefusedError({"error": error, "node_errors": errors})


def node_errors(
    found: Validation, workflow: Workflow, registry: Registry, outputs: Sequence[str], faults: Sequence[Fault]
) -> dict[str, Any]:
    """Return what is wrong with each node, by its id; with the first 200 of them if there are more.

    Args:
        found: what validation found.
        workflow: what was validated.
        registry: asked for the choices that an input has.
        outputs: the output nodes that were to be made.
        faults: those of ``found``, and whatever else is wrong.

    """
    return _Writer(found, workflow, registry, outputs).write(faults)


@dataclass(frozen=True, slots=True)
class _Consumer:
    """Who is linked to a node, where."""

    node_id: str
    input_name: str
    link: Link


class _Writer:
    """Writes the errors of one workflow."""

    def __init__(self, found: Validation, workflow: Workflow, registry: Registry, outputs: Sequence[str]) -> None:
        self.found = found
        self.nodes = workflow.nodes
        self.registry = registry
        self.outputs = dict.fromkeys(outputs)
        self.consumers: dict[str, list[_Consumer]] = {}
        for node_id, inputs in found.inputs.items():
            for name, value in inputs.items():
                if value.__class__ is Link:
                    self.consumers.setdefault(value.node, []).append(_Consumer(node_id, name, value))

    def write(self, faults: Iterable[Fault]) -> dict[str, Any]:
        written: dict[str, Any] = {}
        for fault in faults:
            if fault.node_id not in self.nodes or (fault.node_id not in written and len(written) >= _MOST):
                continue
            entry = written.setdefault(
                fault.node_id,
                {
                    "errors": [],
                    "dependent_outputs": self.dependents(fault.node_id),
                    "class_type": self.nodes[fault.node_id].type,
                },
            )
            entry["errors"].extend(error for error in self.errors(fault) if error not in entry["errors"])
        return written

    def dependents(self, node_id: str) -> list[str]:
        """Return the outputs that need a node."""
        seen, stack = {node_id}, [node_id]
        while stack:
            for consumer in self.consumers.get(stack.pop(), ()):
                if consumer.node_id not in seen:
                    seen.add(consumer.node_id)
                    stack.append(consumer.node_id)
        return [output for output in self.outputs if output in seen]

    def errors(self, fault: Fault) -> list[dict[str, Any]]:
        """Return a fault as errors; a node's own check that fails is told once for each input it was given."""
        raised = self.raised(fault)
        if raised is not None:
            return [self.exception(fault, *raised)]
        if fault.code == "custom_validation_failed":
            names = fault.details.get("inputs") or [fault.input_name]
            return [_error(fault.code, f"{name} - {fault.message}", {"input_name": name}) for name in names]
        if fault.code == "input_not_found":
            details = f"{fault.input_name} - Invalid image file: {fault.details.get('received_value')}"
            return [_error("custom_validation_failed", details, {"input_name": fault.input_name}, fault.hint)]
        return [self.error(fault)]

    def error(self, fault: Fault) -> dict[str, Any]:
        declared = self.declared(fault)
        code, name, value = fault.code, fault.input_name, fault.details.get("received_value")
        if code == "cycle":
            return _error("dependency_cycle", _circle(fault), {}, fault.hint)
        if declared is None or (code not in _OF_INPUTS and "choices" not in fault.details):
            return _error(code, fault.message, {"input_name": name} if name else {}, fault.hint, fault.message)
        config = input_config(declared, self.registry)
        info = {"input_name": name, "input_config": config, "received_value": value}
        match code:
            case "required_input_missing":
                written = _error(code, name, {"input_name": name}, fault.hint)
            case "bad_linked_input":
                written = _error(code, name, info)
            case "return_type_mismatch":
                written = self.mismatch(fault, config)
            case "value_smaller_than_min" | "value_bigger_than_max" if declared.range is not None:
                written = _error(code, name, info, message=_bound(fault, declared.range, declared.exact))
            case "invalid_input_type" | "link_expected":
                written = _unreadable(fault, declared, info)
            case _:
                written = _not_in_list(fault, info)
        return written

    def mismatch(self, fault: Fault, config: list[Any]) -> dict[str, Any]:
        received = fault.details.get("received_type")
        details = f"{fault.input_name}, received_type({received}) mismatch input_type({config[0]})"
        info = {
            "input_name": fault.input_name,
            "input_config": config,
            "received_type": received,
            "linked_node": fault.details.get("linked_node"),
        }
        return _error(fault.code, details, info, fault.hint)

    def exception(self, fault: Fault, kind: str, said: str) -> dict[str, Any]:
        """Return what went wrong while a node was looked at; for one that others need, they say where."""
        raised = {"exception_type": kind, "traceback": []}
        consumer = next(iter(self.consumers.get(fault.node_id, ())), None)
        if consumer is None:
            return _error("exception_during_validation", said, raised, fault.hint)
        declared = self.found.specs[consumer.node_id].inputs.get(consumer.input_name)
        info = {
            "input_name": consumer.input_name,
            "input_config": input_config(declared, self.registry) if declared is not None else None,
            "exception_message": said,
            **raised,
            "linked_node": list(consumer.link),
        }
        return _error("exception_during_inner_validation", said, info, fault.hint)

    def raised(self, fault: Fault) -> tuple[str, str] | None:
        """Return class and text of the exception that a fault is told as; dead links are look-ups that fail."""
        if fault.code == "custom_validation_failed" and (found := _CHECK_FAILED.fullmatch(fault.message)):
            return found[1], found[2]
        if fault.code == "missing_node" and "exception_type" not in fault.details:
            return "KeyError", repr(self.found.inputs[fault.node_id][fault.input_name].node)
        if fault.code == "bad_slot" and "exception_type" not in fault.details:
            return "IndexError", "tuple index out of range"
        if "exception_type" in fault.details:
            return str(fault.details["exception_type"]), str(fault.details["exception_message"])
        return None

    def declared(self, fault: Fault) -> InputSpec | None:
        spec = self.found.specs.get(fault.node_id)
        return spec.inputs.get(fault.input_name) if spec is not None else None


def _error(kind: str, details: str, info: Mapping[str, Any], hint: str = "", message: str = "") -> dict[str, Any]:
    extra = {**info, "hint": hint} if hint else dict(info)
    return {"type": kind, "message": message or _MESSAGES.get(kind, kind), "details": details, "extra_info": extra}


def _circle(fault: Fault) -> str:
    return fault.message.rpartition(": ")[2].rstrip(".")


def _bound(fault: Fault, bounds: Range, kind: Any) -> str:
    value, smaller = fault.details.get("received_value"), fault.code == "value_smaller_than_min"
    bound = bounds.min if smaller else bounds.max
    if kind is float:
        bound = float(bound)
    return f"Value {value} smaller than min of {bound}" if smaller else f"Value {value} bigger than max of {bound}"


def _unreadable(fault: Fault, declared: InputSpec, info: dict[str, Any]) -> dict[str, Any]:
    value = info["received_value"]
    said = fault.details.get("exception_message") or fault.message
    message = f"Failed to convert an input value to a {type_name(declared.type)} value"
    details = f"{fault.input_name}, {value!s:.200}, {said}"
    return _error("invalid_input_type", details, {**info, "exception_message": said}, message=message)


def _not_in_list(fault: Fault, info: dict[str, Any]) -> dict[str, Any]:
    choices = list(fault.details["choices"])
    many = len(choices) > _MANY
    listed = f"(list of length {len(choices)})" if many else str(choices)
    details = f"{fault.input_name}: '{fault.details.get('received_value')}' not in {listed}"
    hint = fault.hint if fault.code in _NOT_THERE else f"{fault.message} {fault.hint}".rstrip()
    return _error("value_not_in_list", details, {**info, "input_config": None} if many else info, hint)
