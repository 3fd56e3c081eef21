"""Checking: the values of a call against the fields that a service takes, every fault at once and by its path."""

from __future__ import annotations

import binascii
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from inhouse.errors import InputsError
from inhouse.server.services.tensors import FORMATS, TensorFaultError, fitting, pack
from inhouse.workers.replicas.messages import Blob, Value

if TYPE_CHECKING:
    from inhouse.models.signature import Field, Size

MAX_FILE_BYTES: Final = 64 * 1024 * 1024
"""The most that one file or image may have, where its field says nothing."""
MAX_TEXT: Final = 1_000_000
"""The most characters of a text, where its field says nothing."""
MAX_FAULTS: Final = 20
"""So many faults are told; a thousand rows that are all wrong would say nothing more."""
_SHOWN: Final = 50
"""So many choices are told."""
_ROWS: Final = "rows"
_ROLES: Final = frozenset({"system", "developer", "user", "assistant", "tool"})


@dataclass(frozen=True, slots=True)
class Checked:
    """Values that fit.

    Attributes:
        rows: how many rows there are; 1 where no field has rows.
        inputs: by field, defaults filled in.

    """

    rows: int
    inputs: dict[str, Value]


class _FaultError(ValueError):
    """A value does not fit; ``place`` leads to it within the value. ``all`` are several faults, or this one."""

    def __init__(self, problem: str, place: str = "", several: Sequence[_FaultError] = ()) -> None:
        super().__init__(problem)
        self.place = place
        self.all = several or (self,)


def check(given: Any, fields: Sequence[Field], *, max_rows: int, place: str = "inputs") -> Checked:
    """Check the values of one call.

    Args:
        given: values by field, as they came from JSON; a ``Blob`` is taken for what it is.
        fields: what the service takes.
        max_rows: the most rows of a call.
        place: where the values lie in the request.

    Raises:
        InputsError: some do not fit; each is named by its path.

    """
    if not isinstance(given, Mapping):
        raise InputsError({place: "is no object with a value for each input."})
    faults: dict[str, str] = {}
    checked, rows = _taken(given, fields, max_rows, place, faults)
    _know_all(given, fields, place, faults)
    _agree(rows, place, faults)
    if not faults:
        _same_axes(checked, fields, place, faults)
    if faults:
        raise InputsError(dict(list(faults.items())[:MAX_FAULTS]))
    count = next(iter(rows.values()), 1)
    for field in fields:
        if field.name not in checked and field.default is not None:
            checked[field.name] = _default(field, count)
    return Checked(count, checked)


def _taken(
    given: Mapping[str, Any], fields: Sequence[Field], max_rows: int, place: str, faults: dict[str, str]
) -> tuple[dict[str, Value], dict[str, int]]:
    """Return the values that fit, and how many rows each has that has rows; write down what does not fit."""
    checked: dict[str, Value] = {}
    rows: dict[str, int] = {}
    for field in fields:
        value = given.get(field.name)
        if value is None:
            if field.required:
                faults[f"{place}.{field.name}"] = "is missing."
            continue
        try:
            if field.rows:
                checked[field.name], rows[field.name] = _rows(field, value, max_rows)
            else:
                checked[field.name] = check_value(field, value)
        except _FaultError as fault:
            faults |= {f"{place}.{field.name}{each.place}": str(each) for each in fault.all}
    return checked, rows


def check_value(field: Field, value: Any) -> Value:
    """Return one value of a field as it goes to a replica: one row's, or the whole request's."""
    return _CHECKS[field.kind](field, value)


def _rows(field: Field, value: Any, most: int) -> tuple[Value, int]:
    """Return the rows of a field, and how many they are."""
    if isinstance(value, Blob):
        return _blob(field, value, (_ROWS, *field.shape)), _within(value.shape[0] if value.shape else 0, most)
    if not isinstance(value, list):
        raise _FaultError("is no list with a value for each row.")
    count = _within(len(value), most)
    if field.kind == "tensor":
        return _tensor(field, value, (_ROWS, *field.shape)), count
    try:
        return [check_value(field, each) for each in value], count
    except _FaultError:  # all of them are to be named
        raise _FaultError("", several=_each(field, value)) from None


def _each(field: Field, values: Sequence[Any]) -> list[_FaultError]:
    faults = []
    for index, value in enumerate(values):
        try:
            check_value(field, value)
        except _FaultError as fault:
            faults.append(_FaultError(str(fault), f".{index}{fault.place}"))
            if len(faults) == MAX_FAULTS:
                break
    return faults


def _within(rows: int, most: int) -> int:
    if not rows:
        raise _FaultError("is empty; at least one row is needed.")
    if rows > most:
        raise _FaultError(f"has {rows} rows; a call may have {most}. Send several calls: they are computed together.")
    return rows


# -- what there is, all in all ----------------------------------------------------------------------------------------


def _know_all(given: Mapping[str, Any], fields: Sequence[Field], place: str, faults: dict[str, str]) -> None:
    names = {field.name for field in fields}
    for name in given:
        if name not in names:
            faults[f"{place}.{name!s:.100}"] = f"is no input of this service; there are {', '.join(sorted(names))}."


def _agree(rows: Mapping[str, int], place: str, faults: dict[str, str]) -> None:
    """Have all fields with rows have as many."""
    if len(set(rows.values())) > 1:
        first, count = next(iter(rows.items()))
        for name, own in rows.items():
            if own != count:
                faults[f"{place}.{name}"] = f"has {own} rows, and {first} has {count}."


def _same_axes(checked: Mapping[str, Value], fields: Sequence[Field], place: str, faults: dict[str, str]) -> None:
    """Have axes of one name be as long in every tensor."""
    known: dict[str, tuple[int, str]] = {}
    for field in fields:
        value = checked.get(field.name)
        if field.kind != "tensor" or not isinstance(value, Blob):
            continue
        for axis, length in zip(field.shape, value.shape[1:] if field.rows else value.shape, strict=True):
            if isinstance(axis, str) and known.setdefault(axis, (length, field.name))[0] != length:
                other, name = known[axis]
                faults[f"{place}.{field.name}"] = f"has {length} along {axis!r}, and {name} has {other}."


def _default(field: Field, rows: int) -> Value:
    """Return what a field is that was not given, for each row if it has rows."""
    if not field.rows:
        return check_value(field, field.default)
    if field.kind == "tensor":
        return pack([field.default] * rows, field.dtype, (_ROWS, *field.shape))
    return [check_value(field, field.default)] * rows


# -- one value --------------------------------------------------------------------------------------------------------


def _text(field: Field, value: Any) -> str:
    if type(value) is not str:
        raise _FaultError("is no text.")
    length = len(value)
    if field.minimum is not None and length < field.minimum:
        raise _FaultError(f"has {length} characters; at least {field.minimum:g} are needed.")
    if length > (most := MAX_TEXT if field.maximum is None else field.maximum):
        raise _FaultError(f"has {length} characters; {most:g} are the most.")
    return value


def _choice(field: Field, value: Any) -> str:
    if value not in field.choices or type(value) is not str:
        raise _FaultError(f"is none of {', '.join(field.choices[:_SHOWN])}{', ...' * (len(field.choices) > _SHOWN)}.")
    return value


def _boolean(_: Field, value: Any) -> bool:
    if type(value) is not bool:
        raise _FaultError("is neither true nor false.")
    return value


def _integer(field: Field, value: Any) -> int:
    if type(value) is float and value.is_integer():  # JSON has one kind of number: 2.0 is 2 (RFC 8259, 6)
        value = int(value)
    if type(value) is not int:
        raise _FaultError("is no integer.")
    _ranged(field, value)
    return value


def _number(field: Field, value: Any) -> float:
    if type(value) not in (int, float) or not math.isfinite(value):
        raise _FaultError("is no finite number.")
    _ranged(field, value)
    return float(value)


def _ranged(field: Field, value: float) -> None:
    if field.minimum is not None and value < field.minimum:
        raise _FaultError(f"is {value}; {field.minimum:g} is the least.")
    if field.maximum is not None and value > field.maximum:
        raise _FaultError(f"is {value}; {field.maximum:g} is the most.")


def _file(field: Field, value: Any) -> Blob:
    """Return what base64 says (RFC 4648); a data URL (RFC 2397) is taken for its content."""
    if isinstance(value, Blob):
        return _sized(field, value)
    if type(value) is not str:
        raise _FaultError(f"is no {field.kind} as base64.")
    content = value.partition(",")[2] if value.startswith("data:") else value
    if len(content) // 4 * 3 > _most_bytes(field) + 2:
        raise _FaultError(f"has about {len(content) // 4 * 3} bytes; {_most_bytes(field)} are the most.")
    try:
        data = binascii.a2b_base64(content, strict_mode=True)
    except (binascii.Error, ValueError) as error:
        raise _FaultError(f"is no base64: {error}.") from error
    return _sized(field, Blob("file", (), data))


def _sized(field: Field, blob: Blob) -> Blob:
    if blob.dtype != "file":
        raise _FaultError(f"is a tensor of {blob.dtype}, not a {field.kind}.")
    if not len(blob.data):
        raise _FaultError("is empty.")
    if len(blob.data) > _most_bytes(field):
        raise _FaultError(f"has {len(blob.data)} bytes; {_most_bytes(field)} are the most.")
    return blob


def _most_bytes(field: Field) -> int:
    return MAX_FILE_BYTES if field.maximum is None else int(field.maximum)


def _whole_tensor(field: Field, value: Any) -> Blob:
    return _blob(field, value, field.shape) if isinstance(value, Blob) else _tensor(field, value, field.shape)


def _tensor(field: Field, value: Any, axes: Sequence[Size]) -> Blob:
    if field.dtype not in FORMATS:
        raise _FaultError(f"holds {field.dtype}, which JSON cannot.")
    try:
        blob = pack(value, field.dtype, axes)
    except TensorFaultError as fault:
        raise _FaultError(str(fault), "".join(f".{index}" for index in fault.place)) from None
    return blob


def _blob(field: Field, blob: Blob, axes: Sequence[Size]) -> Blob:
    if field.kind != "tensor":
        raise _FaultError(f"is a tensor, not a {field.kind}.")
    if blob.dtype != field.dtype:
        raise _FaultError(f"holds {blob.dtype}, not {field.dtype}.")
    if not fitting(blob.shape, axes):
        raise _FaultError(f"has the shape {list(blob.shape)}, not {list(axes)}.")
    return blob


def _messages(field: Field, value: Any) -> list[dict[str, Any]]:
    """Return a conversation: objects with a role and a content, which may be a text or a list of parts of text."""
    if not isinstance(value, list) or not value:
        raise _FaultError("is no list of messages.")
    found = [_message(f".{index}", message) for index, message in enumerate(value)]
    most = MAX_TEXT if field.maximum is None else field.maximum
    if sum(len(message["content"]) for message in found) > most:
        raise _FaultError(f"has more than {most:g} characters.")
    return found


def _message(place: str, message: Any) -> dict[str, Any]:
    if not isinstance(message, dict):
        raise _FaultError("is no object with a role and a content.", place)
    said = message.get("role")
    if not isinstance(said, str) or said not in _ROLES:
        raise _FaultError(f"is none of {', '.join(sorted(_ROLES))}.", f"{place}.role")
    content = message.get("content")
    if isinstance(content, list):
        texts = [part.get("text") for part in content if isinstance(part, dict) and part.get("type") == "text"]
        if len(texts) < len(content) or not all(isinstance(text, str) for text in texts):
            raise _FaultError("has a part that is no text.", f"{place}.content")
        content = "\n".join(map(str, texts))
    if not isinstance(content, str):
        raise _FaultError("is no text.", f"{place}.content")
    role = "system" if said == "developer" else said
    return {"role": role, "content": content}


def _any(_: Field, value: Any) -> Any:
    return value


_CHECKS: Final[Mapping[str, Callable[[Field, Any], Value]]] = MappingProxyType(
    {
        "text": _text,
        "integer": _integer,
        "number": _number,
        "boolean": _boolean,
        "choice": _choice,
        "image": _file,
        "file": _file,
        "tensor": _whole_tensor,
        "messages": _messages,
        "labels": _any,
        "json": _any,
    }
)
