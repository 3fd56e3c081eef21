"""A node: a typed function whose signature is its schema."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from inhouse.engine.signature import read_inputs, read_outputs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from inhouse.engine.sockets import InputSpec, OutputSpec
    from inhouse.engine.workflow import WorkflowNode


@dataclass(frozen=True, slots=True)
class Result:
    """What a node returns when plain values do not say enough.

    Attributes:
        values: one a declared output, in order; a ``Link`` stands for an output of the ``expand`` graph.
        ui: what a canvas shows below the node, and what a run reports for output nodes.
        expand: nodes that run in this node's place.

    """

    values: tuple[Any, ...] = ()
    ui: Mapping[str, Any] | None = None
    expand: Mapping[str, WorkflowNode] | None = None


@dataclass(frozen=True, slots=True)
class Blocker:
    """A value that keeps every consumer from running; with a message, the user is told why."""

    message: str | None = None


@dataclass(frozen=True, slots=True)
class NodeSpec:
    """A declared node; calling it calls the function.

    Attributes:
        id: the name in workflows; third-party ids carry their pack's name.
        function: what runs; keyword-only.
        inputs: by name, in the order of sockets and widgets.
        outputs: in the order of sockets.
        category: where a canvas lists it, parts divided by ``/``.
        display_name: what a canvas writes on it.
        description: a sentence for its help.
        output_node: whether it is run for its effect, with nobody asking for its outputs.
        input_is_list: whether every input arrives as the whole list instead of one call an element.
        fingerprint: from inputs (by parameter name) to what besides them decides the result; None means always new.
        needs: from the inputs known so far to the names of the lazy inputs wanted.
        check: from literal inputs to True, or to a text that says what is wrong with them.
        reads: names of ``context.shared`` it reads; ``{input}`` is filled in from a literal input.
        writes: names of ``context.shared`` it writes, likewise.
        cacheable: whether a result may be used again.
        keyed_by_id: whether the node's own id is part of its cache key.
        hidden: for the canvas: name -> kind of what is passed besides the inputs.
        context: the parameter that receives the ``Context``; empty for none.
        pack: the pack that declared it.
        flags: what a canvas may show besides (deprecated, experimental, ...).
        is_async: whether the function is a coroutine function.
        eager: whether every linked input is computed before the node runs.
        simple: whether its inputs alone decide its result.
        gives_lists: whether an output is a list.

    """

    id: str
    function: Callable[..., Any]
    inputs: Mapping[str, InputSpec]
    outputs: tuple[OutputSpec, ...]
    category: str = ""
    display_name: str = ""
    description: str = ""
    output_node: bool = False
    input_is_list: bool = False
    fingerprint: Callable[..., Any] | None = None
    needs: Callable[..., Any] | None = None
    check: Callable[..., Any] | None = None
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    cacheable: bool = True
    keyed_by_id: bool = False
    hidden: Mapping[str, str] = field(default_factory=dict)
    context: str = ""
    pack: str = ""
    flags: Mapping[str, Any] = field(default_factory=dict)
    is_async: bool = False
    eager: bool = field(init=False)
    simple: bool = field(init=False)
    gives_lists: bool = field(init=False)

    def __post_init__(self) -> None:
        eager = not any(declared.lazy or declared.raw_link for declared in self.inputs.values())
        simple = self.cacheable and not (self.fingerprint or self.keyed_by_id or self.reads)
        object.__setattr__(self, "eager", eager)
        object.__setattr__(self, "simple", simple)
        object.__setattr__(self, "gives_lists", any(output.is_list for output in self.outputs))

    def __call__(self, *args: Any, **inputs: Any) -> Any:
        """Call the node's function, as a test would."""
        return self.function(*args, **inputs)

    @property
    def touches_shared(self) -> bool:
        """Whether the node declares reads or writes of ``context.shared``."""
        return bool(self.reads or self.writes)


def node(  # noqa: PLR0913 - each is one declared trait of a node
    node_id: str,
    *,
    category: str = "",
    display_name: str = "",
    output_node: bool = False,
    input_is_list: bool = False,
    fingerprint: Callable[..., Any] | None = None,
    needs: Callable[..., Any] | None = None,
    check: Callable[..., Any] | None = None,
    reads: tuple[str, ...] = (),
    writes: tuple[str, ...] = (),
    cacheable: bool = True,
    keyed_by_id: bool = False,
    hidden: Mapping[str, str] | None = None,
    flags: Mapping[str, Any] | None = None,
) -> Callable[[Callable[..., Any]], NodeSpec]:
    """Declare a keyword-only, fully annotated function as a node; see ``NodeSpec`` for the traits.

    Raises:
        TypeError: a parameter is positional, or has no annotation that names a wire type.

    """

    def declare(function: Callable[..., Any]) -> NodeSpec:
        inputs, context = read_inputs(function)
        return NodeSpec(
            id=node_id,
            function=function,
            inputs=MappingProxyType(inputs),
            outputs=read_outputs(function),
            category=category,
            display_name=display_name or node_id,
            description=inspect.cleandoc(function.__doc__ or "").partition("\n\n")[0],
            output_node=output_node,
            input_is_list=input_is_list,
            fingerprint=fingerprint,
            needs=needs,
            check=check,
            reads=reads,
            writes=writes,
            cacheable=cacheable,
            keyed_by_id=keyed_by_id,
            hidden=MappingProxyType(dict(hidden or {})),
            context=context,
            flags=MappingProxyType(dict(flags or {})),
            is_async=inspect.iscoroutinefunction(function),
        )

    return declare
