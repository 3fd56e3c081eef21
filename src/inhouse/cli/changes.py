"""Changes to a workflow from the command line: ``--set node.input=value``, ``--seed``, ``--batch``."""

from __future__ import annotations

import difflib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from inhouse.compat.prompt import with_source
from inhouse.engine.workflow import Link
from inhouse.errors import ChangeError

if TYPE_CHECKING:
    from inhouse.engine.registry import Registry
    from inhouse.engine.workflow import Workflow

SEEDS = ("seed", "noise_seed")
"""Inputs that hold a seed, in ComfyUI's own naming."""

BATCH_SIZES = ("batch_size",)

_LISTED = 20


@dataclass(frozen=True, slots=True)
class Changes:
    """What a command line changes in a workflow.

    Attributes:
        assignments: texts ``node.input=value``; the node is named by id, title, class, or ``class#n`` (from 1).
        seed: for every seed that is a literal.
        batch: for every ``batch_size`` that is a literal.

    """

    assignments: tuple[str, ...] = ()
    seed: int | None = None
    batch: int | None = None

    def apply(self, workflow: Workflow, registry: Registry) -> Workflow:
        """Return the changed workflow; assignments win over the seed and the batch size.

        Its ``source`` has the changed nodes, so that a picture carries what made it. The canvas that it came from shows
        other values and is left out.

        Raises:
            ChangeError: there is no such node or input, the name fits several nodes, or there is nothing to change.

        """
        changes: dict[tuple[str, str], Any] = {}
        if self.seed is not None:
            changes |= dict.fromkeys(_literals(workflow, SEEDS, "--seed"), self.seed)
        if self.batch is not None:
            changes |= dict.fromkeys(_literals(workflow, BATCH_SIZES, "--batch"), self.batch)
        changes |= dict(_assignment(workflow, registry, text) for text in self.assignments)
        if not changes:
            return workflow
        extra = {name: value for name, value in workflow.source.items() if name not in ("prompt", "workflow")}
        return with_source(workflow.with_inputs(changes).nodes, extra)


def find_node(workflow: Workflow, name: str) -> str:
    """Return the id of the node that ``name`` means.

    Raises:
        ChangeError: none, or several.

    """
    if name in workflow.nodes:
        return name
    lower = name.lower()
    titled = [i for i, node in workflow.nodes.items() if node.title and node.title.lower() == lower]
    typed = [i for i, node in workflow.nodes.items() if node.type.lower() == lower]
    numbered = re.fullmatch(r"(.+)#(\d{1,9})", lower)
    if numbered and not titled:
        same = [i for i, node in workflow.nodes.items() if node.type.lower() == numbered[1]]
        titled = same[int(numbered[2]) - 1 : int(numbered[2])] if int(numbered[2]) else []
    for fits in (titled, typed):
        if len(fits) == 1:
            return fits[0]
        if fits:
            shown = ", ".join(f"{i} ({workflow.nodes[i].type})" for i in fits)
            raise ChangeError(f"{name!r} fits several nodes: {shown}.", hint="Use an id, or class#n.")
    raise ChangeError(f"There is no node {name!r}.", hint=_suggested(workflow, name))


def _assignment(workflow: Workflow, registry: Registry, text: str) -> tuple[tuple[str, str], Any]:
    target, equals, written = text.partition("=")
    name, dot, input_name = target.strip().rpartition(".")
    if not equals or not dot:
        raise ChangeError(f"{text!r} is no change.", hint="Write --set node.input=value.")
    node_id = find_node(workflow, name)
    spec = registry.get(workflow.nodes[node_id].type)
    known = list(spec.inputs) if spec else list(workflow.nodes[node_id].inputs)
    if input_name not in known:
        close = difflib.get_close_matches(input_name, known, 1, 0.5)
        hint = (f"Did you mean {close[0]!r}? " if close else "") + f"It has: {', '.join(known) or 'none'}."
        raise ChangeError(f"Node {name!r} has no input {input_name!r}.", hint=hint)
    kind = spec.inputs[input_name].type if spec else None
    takes_text = kind is not None and not kind.is_wildcard and kind.names <= {"STRING", "COMBO"}
    return (node_id, input_name), written if takes_text else _value(written)


def _suggested(workflow: Workflow, name: str) -> str:
    names = {word.lower(): word for i, node in workflow.nodes.items() for word in (i, node.type, node.title) if word}
    close = [names[word] for word in difflib.get_close_matches(name.lower(), names, 1, 0.6)]
    shown = [f"{i} ({node.title or node.type})" for i, node in list(workflow.nodes.items())[:_LISTED]]
    more = f" and {len(workflow.nodes) - _LISTED} more" if len(workflow.nodes) > _LISTED else ""
    return (f"Did you mean {close[0]!r}? " if close else "") + f"There are: {', '.join(shown)}{more}."


def _literals(workflow: Workflow, names: tuple[str, ...], option: str) -> list[tuple[str, str]]:
    places = [
        (node_id, name)
        for node_id, node in workflow.nodes.items()
        for name in names
        if name in node.inputs and node.inputs[name].__class__ is not Link
    ]
    if not places:
        raise ChangeError(
            f"No node of this workflow has a {names[0]} to change with {option}.",
            hint="Where it comes from another node, set that one: --set node.input=value.",
        )
    return places


def _value(text: str) -> Any:
    """Return a JSON value; what is none is text."""
    try:
        return json.loads(text, parse_constant=str)
    except (ValueError, RecursionError):
        return text
