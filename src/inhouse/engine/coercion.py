"""Literal values: into the type that an input declares, or a fault that says why not."""

from __future__ import annotations

import difflib
import math
from typing import TYPE_CHECKING, Any

from inhouse.errors import Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from inhouse.engine.sockets import InputSpec

_MANY = 20
"""Longer lists of choices are counted in a message, not printed."""


def coerce(node_id: str, spec: InputSpec, value: Any, choices: Sequence[str] | None) -> tuple[Any, Fault | None]:
    """Return ``value`` as the type of ``spec`` and None, or the value and what is wrong with it.

    Numbers written as text are read, floats become integers (2.9 is 2, as in ComfyUI): canvases save both. Where
    several types fit, the value's own comes first, then BOOLEAN, INT, FLOAT, STRING.
    """
    if choices is not None:
        return _choose(node_id, spec, value, choices)
    names = [name for name in _READERS if name in spec.type.names] if not spec.type.is_wildcard else []
    names.sort(key=lambda name: type(value) is not _READERS[name][0])
    problem = ""
    for name in names:
        try:
            value = _READERS[name][1](value)
            break
        except (TypeError, ValueError, OverflowError) as error:
            problem = problem or str(error)
    else:
        if names:
            wanted = " or ".join(names)
            message, hint = f"Cannot read {_shown(value)} as {wanted}.", f"Give a value of type {wanted}."
            fault = _fault("invalid_input_type", node_id, spec, value, message, hint, exception_message=problem)
            return value, fault
    return value, _out_of_range(node_id, spec, value) if spec.range else None


def _choose(node_id: str, spec: InputSpec, value: Any, choices: Sequence[str]) -> tuple[Any, Fault | None]:
    if value in choices:
        return value, None
    if not choices:
        hint = "There is nothing to choose from: the folder is empty."
    else:
        words = [str(choice) for choice in choices]  # packs of third parties offer numbers, too
        close = difflib.get_close_matches(str(value), words, 1, 0.5)
        listed = ", ".join(words) if len(words) <= _MANY else f"{', '.join(words[:_MANY])} ... ({len(words)})"
        hint = (f"Did you mean {close[0]!r}? " if close else "") + f"There are: {listed}."
    message = f"{_shown(value)} is not one of the choices."
    return value, _fault("value_not_in_list", node_id, spec, value, message, hint, choices=list(choices))


def _out_of_range(node_id: str, spec: InputSpec, value: Any) -> Fault | None:
    bounds = spec.range
    if bounds is None or not isinstance(value, int | float):
        return None
    allowed = f"Allowed is {bounds.min:g} to {bounds.max:g}."
    if value < bounds.min:
        message = f"{_shown(value)} is smaller than {bounds.min:g}."
        return _fault("value_smaller_than_min", node_id, spec, value, message, allowed)
    if value > bounds.max:
        message = f"{_shown(value)} is bigger than {bounds.max:g}."
        return _fault("value_bigger_than_max", node_id, spec, value, message, allowed)
    return None


def _read_int(value: Any) -> int:
    return value if type(value) is int else int(value)


def _read_float(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{number} is not a finite number")
    return number


def _read_text(value: Any) -> str:
    if value is None:
        raise TypeError("null is no text")
    return value if type(value) is str else str(value)


def _read_bool(value: Any) -> bool:
    words = {"true": True, "false": False, "1": True, "0": False}
    if isinstance(value, str):
        if value.lower() not in words:
            raise ValueError(f"{value!r} is neither true nor false")
        return words[value.lower()]
    if value is None or isinstance(value, list | dict):
        raise TypeError("not a truth value")
    return bool(value)


_READERS: Mapping[str, tuple[type[Any], Callable[[Any], Any]]] = {
    "BOOLEAN": (bool, _read_bool),
    "INT": (int, _read_int),
    "FLOAT": (float, _read_float),
    "STRING": (str, _read_text),
}


def _fault(code: str, node_id: str, spec: InputSpec, value: Any, message: str, hint: str, **details: Any) -> Fault:
    return Fault(code, message, node_id, spec.name, hint, {"received_value": value, **details})


def _shown(value: Any) -> str:
    try:
        text = repr(value)
    except ValueError:  # an integer of more digits than Python prints
        text = f"a number of {value.bit_length()} bits" if isinstance(value, int) else "a value"
    return text if len(text) <= 80 else text[:77] + "..."
