"""Reads a node's sockets off its signature."""

from __future__ import annotations

import inspect
import types
from typing import TYPE_CHECKING, Annotated, Any, Union, get_args, get_origin, get_type_hints

from inhouse.engine.context import Context
from inhouse.engine.markers import Catch, Choices, Lazy, Output, Range, Widget, Wire
from inhouse.engine.sockets import MISSING, InputSpec, OutputSpec
from inhouse.engine.types import ANY, COMBO, SCALARS, WireType

if TYPE_CHECKING:
    from collections.abc import Callable


def read_inputs(function: Callable[..., Any]) -> tuple[dict[str, InputSpec], str]:
    """Return the input sockets in order, and the name of the parameter that takes the ``Context``.

    Raises:
        TypeError: a parameter is positional, or has no usable annotation.

    """
    hints = get_type_hints(function, include_extras=True)
    inputs: dict[str, InputSpec] = {}
    context = ""
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
            raise TypeError(f"{function.__qualname__}: parameter {parameter.name!r} of a node must be keyword-only")
        if parameter.name not in hints:
            raise TypeError(f"{function.__qualname__}: parameter {parameter.name!r} of a node needs an annotation")
        if hints[parameter.name] is Context:
            context = parameter.name
        else:
            inputs[parameter.name] = _read_input(parameter, hints[parameter.name])
    return inputs, context


def read_outputs(function: Callable[..., Any]) -> tuple[OutputSpec, ...]:
    """Return the output sockets that the return annotation declares."""
    from inhouse.engine.node import Result  # which reads signatures with this module

    hint = get_type_hints(function, include_extras=True).get("return", type(None))
    bare, marks = _unwrap(hint)
    declared = next((mark for mark in marks if isinstance(mark, type)), bare)
    if declared in (type(None), Result):
        return ()
    if isinstance(declared, type) and hasattr(declared, "_fields"):
        fields = get_type_hints(declared, include_extras=True)
        return tuple(_read_output(name, fields[name]) for name in declared._fields)
    return (_read_output("", hint),)


def _read_input(parameter: inspect.Parameter, hint: Any) -> InputSpec:
    bare, marks = _unwrap(hint)
    optional = False
    if get_origin(bare) in (Union, types.UnionType):
        rest = [arm for arm in get_args(bare) if arm is not type(None)]
        optional = len(rest) < len(get_args(bare))
        bare, more = _unwrap(rest[0]) if len(rest) == 1 else (Union[tuple(rest)], [])  # noqa: UP007 - built at run time
        marks = more + marks
    if get_origin(bare) is list:
        bare, more = _unwrap(get_args(bare)[0])
        marks = more + marks
    found = {type(mark): mark for mark in marks}
    choices = found.get(Choices)
    return InputSpec(
        name=parameter.name,
        type=COMBO if choices else _wire_type(bare, marks),
        required=not optional or parameter.default is MISSING,
        default=MISSING if optional and parameter.default is None else parameter.default,
        range=found.get(Range),
        choices=choices,
        lazy=Lazy in found,
        catches=Catch in found,
        options=found[Widget].options if Widget in found else {},
    )


def _read_output(name: str, hint: Any) -> OutputSpec:
    bare, marks = _unwrap(hint)
    is_list = get_origin(bare) is list
    if is_list:
        bare, more = _unwrap(get_args(bare)[0])
        marks = more + marks
    wire = _wire_type(bare, marks)
    label = next((mark for mark in marks if isinstance(mark, Output)), None)
    return OutputSpec(label.name if label else name or str(wire), wire, is_list, label.tooltip if label else "")


def _wire_type(bare: Any, marks: list[Any]) -> WireType:
    named = [mark.name for mark in marks if isinstance(mark, Wire)]
    if named:
        return WireType.parse(named[-1])
    if bare in SCALARS:
        return SCALARS[bare]
    if get_origin(bare) in (Union, types.UnionType):
        arms = [arm for arm in get_args(bare) if arm is not type(None)]
        return WireType(frozenset().union(*(_wire_type(*_unwrap(arm)).names for arm in arms)))
    if bare in (Any, object):
        return ANY
    raise TypeError(f"{bare!r} is no wire type: annotate it with Wire('NAME')")


def _unwrap(hint: Any) -> tuple[Any, list[Any]]:
    """Split ``Annotated[X, *marks]`` into X and the marks, inner ones first."""
    if get_origin(hint) is Annotated:
        bare, *marks = get_args(hint)
        return bare, marks
    return hint, []
