"""Errors as they cross from process to process: by code, so that no class has to be found by name."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from inhouse import errors
from inhouse.errors import Fault, InhouseError, InputsError, WorkflowInvalidError

if TYPE_CHECKING:
    from collections.abc import Mapping


def write_error(error: InhouseError) -> dict[str, Any]:
    """Return an error as JSON-ready data; a pack's own class goes as the class of ours that it derives from."""
    known = _by_code()
    ours = next(cls.code for cls in type(error).mro() if issubclass(cls, InhouseError) and known.get(cls.code) is cls)
    data = {**error.as_dict(), "code": ours}
    if isinstance(error, WorkflowInvalidError):
        data["faults"] = error.faults
    if isinstance(error, InputsError):
        data["fields"] = error.fields
    return data


def read_error(data: Mapping[str, Any]) -> InhouseError:
    """Return the error that ``write_error`` wrote: the same class and fields, without cause and partial result."""
    cls = _by_code().get(str(data.get("code")), InhouseError)
    if issubclass(cls, WorkflowInvalidError):
        return cls([Fault(**fault) for fault in data.get("faults", ())])
    if issubclass(cls, InputsError):
        return cls(data.get("fields", {}), hint=str(data.get("hint", "")))
    try:
        error = cls(str(data.get("message", "")))
    except TypeError:  # one that must know more than that, and that no node raises
        error = InhouseError(str(data.get("message", "")))
    error.hint, error.node_id, error.input_name = str(data.get("hint", "")), data.get("node_id"), data.get("input_name")
    return error


@lru_cache(maxsize=1)
def _by_code() -> Mapping[str, type[InhouseError]]:
    found = {}
    stack: list[type[InhouseError]] = [InhouseError]
    while stack:
        cls = stack.pop()
        if cls.__module__ == errors.__name__:
            found[cls.code] = cls
            stack += cls.__subclasses__()
    return found
