"""Changes to a workflow from the command line: ``--set node.input=value``, ``--seed``, ``--batch``."""

from __future__ import annotations

import difflib
import json
import re
from typing import TYPE_CHECKING, Any

from inhouse.engine.workflow import Link
from inhouse.errors import WorkflowFormatError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from inhouse.engine.registry import Registry
    from inhouse.engine.workflow import Workflow

SEEDS = ("seed", "noise_seed")
"""Inputs that hold a seed, in ComfyUI's own naming."""


class ChangeError(WorkflowFormatError):
    """A change names a node or an input that the workflow does not have."""

    code = "change_unknown"


def with_changes(workflow: Workflow, registry: Registry, assignments: Iterable[str]) -> Workflow:
    """Apply ``node.input=value`` changes; the node is named by id, title, class, or ``class#n`` (counted from 1).

    Raises:
        ChangeError: there is no such node or input, or the name fits several nodes.

    """
    changes: dict[tuple[str, str], Any] = {}
    for assignment in assignments:
        target, equals, text = assignment.partition("=")
        name, dot, input_name = target.strip().rpartition(".")
        if not equals or not dot:
            raise ChangeError(f"{assignment!r} is no change.", hint="Write --set node.input=value.")
        node_id = find_node(workflow, name)
        spec = registry.get(workflow.nodes[node_id].type)
        known = list(spec.inputs) if spec else list(workflow.nodes[node_id].inputs)
        if input_name not in known:
            close = difflib.get_close_matches(input_name, known, 1, 0.5)
            hint = (f"Did you mean {close[0]!r}? " if close else "") + f"It has: {', '.join(known)}."
            raise ChangeError(f"Node {name!r} has no input {input_name!r}.", hint=hint)
        takes_text = spec is not None and spec.inputs[input_name].type.names <= {"STRING", "COMBO"}
        changes[node_id, input_name] = text if takes_text else _value(text)
    return workflow.with_inputs(changes)


def find_node(workflow: Workflow, name: str) -> str:
    """Return the id of the node that ``name`` means.

    Raises:
        ChangeError: none, or several.

    """
    if name in workflow.nodes:
        return name
    numbered = re.fullmatch(r"(.+)#(\d+)", name)
    if numbered:
        same = [i for i, node in workflow.nodes.items() if node.type == numbered[1]]
        if 1 <= int(numbered[2]) <= len(same):
            return same[int(numbered[2]) - 1]
    else:
        for fits in (
            [i for i, node in workflow.nodes.items() if node.title and node.title.lower() == name.lower()],
            [i for i, node in workflow.nodes.items() if node.type == name],
        ):
            if len(fits) == 1:
                return fits[0]
            if fits:
                shown = ", ".join(f"{i} ({workflow.nodes[i].type})" for i in fits)
                raise ChangeError(f"{name!r} fits several nodes: {shown}.", hint="Use an id, or class#n.")
    listed = ", ".join(f"{i} ({node.title or node.type})" for i, node in list(workflow.nodes.items())[:20])
    raise ChangeError(f"There is no node {name!r}.", hint=f"There are: {listed}.")


def with_seed(workflow: Workflow, seed: int) -> Workflow:
    """Set every seed that is a literal."""
    return workflow.with_inputs(dict.fromkeys(_literals(workflow, SEEDS), seed))


def with_batch(workflow: Workflow, size: int) -> Workflow:
    """Set every ``batch_size`` that is a literal.

    Raises:
        ChangeError: there is none.

    """
    places = _literals(workflow, ("batch_size",))
    if not places:
        raise ChangeError("No node of this workflow has a batch_size.", hint="Run it several times with other --seed.")
    return workflow.with_inputs(dict.fromkeys(places, size))


def _literals(workflow: Workflow, names: Sequence[str]) -> list[tuple[str, str]]:
    return [
        (node_id, name)
        for node_id, node in workflow.nodes.items()
        for name in names
        if name in node.inputs and node.inputs[name].__class__ is not Link
    ]


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
