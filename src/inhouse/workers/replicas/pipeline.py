"""Pipelines: a workflow from a service's inputs to its outputs, compiled to direct calls of its nodes.

Nodes that no input leads to (a session, a tokenizer, labels) run once, when the pipeline is compiled; all others are
called in order, once a batch, as the functions they are. Every wire carries a whole batch, rows first.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from inhouse.compat.prompt import read_prompt
from inhouse.engine.calls import normalise
from inhouse.engine.context import Context, Shared
from inhouse.engine.control import Control
from inhouse.engine.node import Result
from inhouse.engine.validation import validate
from inhouse.engine.workflow import Link
from inhouse.errors import (
    Fault,
    InhouseError,
    NodeExecutionError,
    OutOfMemoryError,
    WorkflowInvalidError,
)
from inhouse.models.artifact import Artifact

if TYPE_CHECKING:
    from inhouse.engine.node import NodeSpec
    from inhouse.engine.registry import Registry
    from inhouse.engine.validation import Validation
    from inhouse.engine.workflow import Workflow

INPUT: Final = "ServiceInput"
OUTPUT: Final = "ServiceOutput"
PARAMETERS: Final = "ServiceParameters"
"""Ids of the nodes that a pipeline begins and ends with; `inhouse.packs.inference` has them."""


@dataclass(frozen=True, slots=True)
class _Step:
    """One call: what it is given as it is, what it is given from slots, and the slots that its results go to."""

    node_id: str
    spec: NodeSpec
    function: Callable[..., Any]
    given: Mapping[str, Any]
    wired: tuple[tuple[str, int], ...]
    first: int

    def run(self, slots: list[Any]) -> None:
        given = {**self.given}
        for name, slot in self.wired:
            given[name] = slots[slot]
        try:
            returned = self.function(**given)
        except Exception as error:
            raise _ours(error, self) from error
        if len(self.spec.outputs) == 1 and not isinstance(returned, tuple | Result):
            slots[self.first] = returned
            return
        for place, value in enumerate(normalise(self.spec, returned).values, self.first):
            slots[place] = value


class Pipeline:
    """A compiled pipeline. Not for several threads at once.

    Args:
        artifact: whose pipeline it is.
        registry: the nodes there are.
        services: what nodes may ask their context for, besides the artifact.

    Raises:
        WorkflowInvalidError: it is no pipeline; every fault is named.
        InhouseError: a node that runs once failed: a model that cannot be loaded, labels that are not there.

    """

    def __init__(self, artifact: Artifact, registry: Registry, services: Mapping[type[Any], Any] | None = None) -> None:
        self.artifact = artifact
        workflow = read_prompt(artifact.pipeline)
        checked = _validated(workflow, registry, artifact)
        context = _Contexts(workflow, {**(services or {}), Artifact: artifact})
        self._inputs: dict[str, int] = {}
        self._parameters: list[int] = []
        self._outputs: dict[str, int] = {}
        slots: list[Any] = []
        self._steps = tuple(self._compiled(checked, context, slots))
        self._slots = tuple(slots)

    def run(self, inputs: Mapping[str, Any], parameters: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the outputs by field, for inputs by field as `rows.join` makes them.

        Raises:
            InhouseError: a node failed; it is named.

        """
        slots = self._filled(inputs, parameters or {})
        for step in self._steps:
            step.run(slots)
        return {name: slots[place] for name, place in self._outputs.items()}

    def timed(self, inputs: Mapping[str, Any]) -> list[tuple[str, float]]:
        """Run once and return, in order, each node's type and the seconds that it took."""
        slots = self._filled(inputs, {})
        found = []
        for step in self._steps:
            begun = time.perf_counter()
            step.run(slots)
            found.append((step.spec.id, time.perf_counter() - begun))
        return found

    def _filled(self, inputs: Mapping[str, Any], parameters: Mapping[str, Any]) -> list[Any]:
        slots = list(self._slots)
        for name, place in self._inputs.items():
            slots[place] = inputs[name]
        for place in self._parameters:
            slots[place] = parameters
        return slots

    def _compiled(self, checked: Validation, contexts: _Contexts, slots: list[Any]) -> Iterator[_Step]:
        """Run what depends on no input, and yield a step for all else."""
        places: dict[str, int] = {}
        live: set[str] = set()
        for node_id in checked.order:
            spec, inputs = checked.specs[node_id], checked.inputs[node_id]
            wires = {name: value for name, value in inputs.items() if value.__class__ is Link}
            places[node_id] = len(slots)
            slots.extend([None] * len(spec.outputs))
            if spec.id == OUTPUT:
                self._outputs[inputs["name"]] = places[inputs["value"].node] + inputs["value"].slot
            elif spec.id == INPUT:
                self._inputs[inputs["name"]] = places[node_id]
                live.add(node_id)
            elif spec.id == PARAMETERS:
                self._parameters.append(places[node_id])
                live.add(node_id)
            else:
                step = _Step(
                    node_id,
                    spec,
                    spec.function,
                    _literals(spec, inputs) | contexts.of(spec, node_id),
                    tuple((name, places[link.node] + link.slot) for name, link in wires.items()),
                    places[node_id],
                )
                if any(link.node in live for link in wires.values()):
                    live.add(node_id)
                    yield step
                else:
                    step.run(slots)


class _Contexts:
    """Makes contexts for the nodes that ask for one."""

    def __init__(self, workflow: Workflow, services: Mapping[type[Any], Any]) -> None:
        self._workflow = workflow
        self._services = MappingProxyType(dict(services))

    def of(self, spec: NodeSpec, node_id: str) -> dict[str, Context]:
        if not spec.context:
            return {}
        shared = Shared({}, frozenset(), frozenset(), node_id)
        context = Context(
            "", node_id, node_id, self._workflow, shared, "", Control(), lambda _event: None, self._services
        )
        return {spec.context: context}


def _literals(spec: NodeSpec, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the typed-in values of a node; one that it does not declare is nobody's."""
    return {name: value for name, value in inputs.items() if value.__class__ is not Link and name in spec.inputs}


def _ours(error: Exception, step: _Step) -> InhouseError:
    """Return what a node raised as an error of ours that names it."""
    if isinstance(error, InhouseError):
        error.node_id = error.node_id or step.node_id
        return error
    short = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    kind = OutOfMemoryError if short else NodeExecutionError
    said = f"Node {step.node_id} ({step.spec.id}) failed: {type(error).__name__}: {error}"
    return kind(said, node_id=step.node_id)


# -- what makes a workflow a pipeline ---------------------------------------------------------------------------------


def _validated(workflow: Workflow, registry: Registry, artifact: Artifact) -> Validation:
    ends = [node_id for node_id, node in workflow.nodes.items() if node.type == OUTPUT]
    checked = validate(workflow, registry, ends)
    faults = [*checked.faults, *_unfit(checked)]
    if not faults:
        names = [field.name for field in artifact.fields_out]
        faults += _names(workflow, checked, OUTPUT, names, complete=True)
        names = [field.name for field in artifact.fields_in]
        faults += _names(workflow, checked, INPUT, names, complete=False)
    if faults:
        raise WorkflowInvalidError(faults)
    return checked


def _unfit(checked: Validation) -> Iterator[Fault]:
    """Yield what keeps nodes from being called directly, once a batch."""
    for node_id in checked.order:
        spec = checked.specs[node_id]
        reasons = {
            "is asynchronous": spec.is_async,
            "has inputs that are computed only when it asks": not spec.eager,
            "takes or gives lists that are mapped": spec.input_is_list or spec.gives_lists,
            "shares names within a run": spec.touches_shared,
            "catches failures": any(declared.catches for declared in spec.inputs.values()),
        }
        for reason in (said for said, holds in reasons.items() if holds):
            hint = "Use plain nodes between a service's inputs and outputs, or publish the workflow itself."
            yield Fault("unfit_node", f"{spec.id} {reason}, which no pipeline can do.", node_id, hint=hint)


def _names(
    workflow: Workflow, checked: Validation, kind: str, fields: Sequence[str], *, complete: bool
) -> Iterator[Fault]:
    """Yield what is wrong with the names of inputs or outputs: each is a field, once, and every output is there."""
    seen: set[str] = set()
    for node_id in checked.order:
        if checked.specs[node_id].id != kind:
            continue
        name: Any = checked.inputs[node_id].get("name")
        if name.__class__ is Link:
            yield Fault("linked_name", "The name of a field is typed in, not linked.", node_id, "name")
            continue
        if name not in fields:
            hint = f"There are {', '.join(fields) or 'none'}."
            yield Fault("unknown_field", f"The service has no field {name!r}.", node_id, "name", hint)
        if name in seen:
            yield Fault("double_field", f"There are two nodes for the field {name!r}.", node_id, "name")
        seen.add(name)
        if kind == OUTPUT and checked.inputs[node_id].get("value").__class__ is not Link:
            yield Fault("link_expected", "A service's output comes from a node.", node_id, "value")
    if complete:
        for name in (name for name in fields if name not in seen):
            yield Fault("missing_field", f"No {kind} gives the field {name!r}.", hint="Add one.")
    if not workflow.nodes:
        yield Fault("no_outputs", "The pipeline has no nodes.")
