"""A custom node's class, old or new style, as a ``NodeSpec``."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from inhouse.compat.awaiting import awaited
from inhouse.compat.border import Border
from inhouse.compat.calls_in_progress import Call, running
from inhouse.compat.dynamic_prompt import DynamicPrompt, Expansions
from inhouse.compat.leniency import is_open_ended, left_to_check
from inhouse.compat.live_choices import LiveChoices
from inhouse.compat.node_result import read_result
from inhouse.compat.object_info import read_input, type_name
from inhouse.compat.signatures import with_names
from inhouse.engine.markers import Choices
from inhouse.engine.node import NodeSpec, Result

if TYPE_CHECKING:
    from inhouse.engine.context import Context
    from inhouse.engine.sockets import InputSpec, OutputSpec
    from inhouse.engine.types import WireType

CONTEXT = "inhouse.context"
"""The keyword in which an adapted node gets its context; no input can be called so."""
HIDDEN_KINDS = frozenset(
    {"UNIQUE_ID", "PROMPT", "EXTRA_PNGINFO", "DYNPROMPT", "AUTH_TOKEN_COMFY_ORG", "API_KEY_COMFY_ORG"}
)
"""What hidden inputs may ask for; the last two are always None here."""
_TYPES = frozenset({"input_types"})
"""The parameter of a check that wants to know what is linked; whoever has it judges types itself."""


@dataclass(frozen=True, slots=True)
class NodeClass:
    """What a custom node's class says of itself.

    Attributes:
        input_types: returns the inputs by section (``required``, ``optional``, ``hidden``), each ``(type, options)``.
        find: from a node's id to the function that runs; an old-style node keeps one instance an id.
        is_async: whether that function is a coroutine function.
        lazy: from a node's id to the function that says which lazy inputs are wanted.
        fingerprint: what besides its inputs decides the result.
        check: says whether literal inputs are fine.
        hidden: hidden inputs, name -> one of ``HIDDEN_KINDS``.
        passes_hidden: whether these are arguments of its functions; new-style nodes look them up.

    """

    id: str
    input_types: Callable[[], Mapping[str, Any]]
    outputs: tuple[OutputSpec, ...]
    find: Callable[[str], Callable[..., Any]]
    is_async: bool = False
    lazy: Callable[[str], Callable[..., Any]] | None = None
    fingerprint: Callable[..., Any] | None = None
    check: Callable[..., Any] | None = None
    hidden: Mapping[str, str] = field(default_factory=dict)
    passes_hidden: bool = True
    category: str = ""
    display_name: str = ""
    description: str = ""
    output_node: bool = False
    input_is_list: bool = False
    keyed_by_id: bool = False
    flags: Mapping[str, Any] = field(default_factory=dict)


def adapt(node: NodeClass, expansions: Expansions, border: Border | None = None) -> NodeSpec:
    """Return a custom node's class as a node.

    Args:
        node: the class.
        expansions: where nodes that it expands into are remembered.
        border: how values look to custom nodes; None leaves all as they are.

    """
    adapter = _Adapter(node, expansions, border or Border())
    inputs = adapter.inputs()
    lazy = node.lazy is not None and any(item.lazy for item in inputs.values())
    return NodeSpec(
        id=node.id,
        function=adapter.run_async if node.is_async else adapter.run,
        inputs=MappingProxyType(inputs),
        outputs=node.outputs,
        category=node.category,
        display_name=node.display_name,
        description=node.description,
        output_node=node.output_node,
        input_is_list=node.input_is_list,
        fingerprint=_with_parameters(adapter.fingerprint, node.fingerprint, ["context", *inputs])
        if node.fingerprint
        else None,
        needs=adapter.needs if lazy else None,
        check=_with_parameters(adapter.check, node.check, [*inputs, *_TYPES & _parameters(node.check)])
        if node.check
        else None,
        keyed_by_id=node.keyed_by_id or "UNIQUE_ID" in node.hidden.values(),
        hidden=MappingProxyType(dict(node.hidden)),
        context=CONTEXT,
        flags=MappingProxyType(dict(node.flags)),
        is_async=node.is_async,
    )


class _Adapter:
    """Stands between the engine and one class."""

    def __init__(self, node: NodeClass, expansions: Expansions, border: Border) -> None:
        self.node = node
        self.expansions = expansions
        self.border = border
        self.wires: dict[str, WireType] = {}

    # -- what the engine calls ----------------------------------------------------------------------------------------

    def run(self, **inputs: Any) -> Any:
        context = inputs.pop(CONTEXT, None)
        with running(self.call(context)):
            returned = self.node.find(_id(context))(**self.given(inputs), **self.hidden(context))
            return self.result(returned)

    async def run_async(self, **inputs: Any) -> Any:
        context = inputs.pop(CONTEXT, None)
        with running(self.call(context)):
            returned = await self.node.find(_id(context))(**self.given(inputs), **self.hidden(context))
            return self.result(returned)

    def given(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Return inputs as the node expects them; of what it never declared nothing is known."""
        return {name: self.border.outwards(value, self.wires.get(name)) for name, value in inputs.items()}

    def result(self, returned: Any) -> Result:
        """Return what the node gave as the engine expects it."""
        result = read_result(returned, self.node.outputs, self.expansions)
        wires = [output.type for output in self.node.outputs]
        values = zip(result.values, [*wires, *[None] * (len(result.values) - len(wires))], strict=False)
        return replace(result, values=tuple(self.border.inwards(value, wire) for value, wire in values))

    def needs(self, context: Context | None = None, **inputs: Any) -> Any:
        if self.node.lazy is None:
            return ()
        wanted = self.node.lazy(_id(context))
        with running(self.call(context)):
            return _ask(wanted, {**self.given(inputs), **self.hidden(context)}) or ()

    def fingerprint(self, context: Context | None = None, **inputs: Any) -> Any:
        if self.node.fingerprint is None:
            return ()
        with running(self.call(context)):
            answer = _ask(self.node.fingerprint, {**self.given(inputs), **self.hidden(context)})
        if inspect.iscoroutine(answer):
            answer.close()
            return None
        return ("none",) if answer is None else answer

    def check(self, **inputs: Any) -> Any:
        if self.node.check is None:
            return True
        known = {**inputs, "input_types": {name: type_name(item.type) for name, item in self.inputs().items()}}
        if not _required(self.node.check) <= known.keys():  # it looks at an input that is linked
            return True
        answer = awaited(_ask(self.node.check, known))
        return "The node refuses this value." if answer is False else answer

    # -- what the class declares --------------------------------------------------------------------------------------

    def inputs(self) -> dict[str, InputSpec]:
        sections = self.node.input_types()
        found = {
            str(name): self.read(section, str(name), given)
            for section in ("required", "optional")
            for name, given in (sections.get(section) or {}).items()
        }
        self.wires = {name: declared.type for name, declared in found.items()}
        return found

    def read(self, section: str, name: str, given: Any) -> InputSpec:
        item = read_input(name, given, required=section == "required")
        checked = _parameters(self.node.check) if self.node.check else frozenset[str]()
        if item.choices is not None:
            listed = self.lister(section, name, tuple(item.choices.source))
            choices = LiveChoices(listed, open_ended=is_open_ended(item, checked))
            item = replace(item, choices=Choices(choices))
        return left_to_check(item, checked)

    def lister(self, section: str, name: str, first: tuple[Any, ...]) -> Callable[[], Sequence[Any]]:
        """Return a function that asks the class for an input's choices; where that fails, they are the first ones."""

        def listed() -> Sequence[Any]:
            try:
                return _choices(self.node.input_types()[section][name])
            except Exception:  # noqa: BLE001 - a pack's own code, asked while a workflow is checked
                return first

        return listed

    # -- what a call gets besides its inputs --------------------------------------------------------------------------

    def call(self, context: Context | None) -> Call | None:
        if context is None:
            return None
        return Call(context, DynamicPrompt(context.workflow, self.expansions.of(context.run_id)))

    def hidden(self, context: Context | None) -> dict[str, Any]:
        given = hidden_inputs(self.call(context), self.node.hidden if self.node.passes_hidden else {})
        return {name: [value] for name, value in given.items()} if self.node.input_is_list else given


def hidden_inputs(call: Call | None, kinds: Mapping[str, str]) -> dict[str, Any]:
    """Return the values of hidden inputs, by name.

    Args:
        call: the call they are for; None leaves them all None.
        kinds: name -> one of ``HIDDEN_KINDS``.

    """
    if call is None:
        return dict.fromkeys(kinds)
    source = call.context.workflow.source
    known: dict[str, Callable[[], Any]] = {
        "UNIQUE_ID": lambda: call.context.node_id,
        "PROMPT": call.prompt.get_original_prompt,
        "EXTRA_PNGINFO": lambda: {key: value for key, value in source.items() if key != "prompt"} or None,
        "DYNPROMPT": lambda: call.prompt,
    }
    return {name: known[kind]() if kind in known else None for name, kind in kinds.items()}


def _id(context: Context | None) -> str:
    return context.node_id if context else ""


def _choices(given: Any) -> Sequence[Any]:
    listed = given[0] if isinstance(given[0], list | tuple) else given[1].get("options", ()) if len(given) > 1 else ()
    return tuple(listed or ())


def _parameters(function: Callable[..., Any]) -> frozenset[str]:
    """Return the names of a function's parameters, ``*`` among them if it takes any keyword."""
    found = inspect.signature(function).parameters.values()
    return frozenset("*" if p.kind is p.VAR_KEYWORD else p.name for p in found)


def _required(function: Callable[..., Any]) -> frozenset[str]:
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    found = inspect.signature(function).parameters.values()
    return frozenset(p.name for p in found if p.kind in named and p.default is p.empty)


def _ask(function: Callable[..., Any], known: Mapping[str, Any]) -> Any:
    """Call a function with what it has parameters for; what it only takes among any keywords includes no types."""
    wanted = _parameters(function)
    return function(**{n: v for n, v in known.items() if n in wanted or ("*" in wanted and n != "input_types")})


def _with_parameters(
    asked: Callable[..., Any], function: Callable[..., Any], names: Iterable[str]
) -> Callable[..., Any]:
    """Return ``asked`` as a function whose signature has those of the names that ``function`` looks at."""
    wanted = _parameters(function) | {"context"}
    return with_names(asked, [name for name in names if name in wanted or "*" in wanted])
