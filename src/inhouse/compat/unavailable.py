"""What custom packs look for and Inhouse does not have: there by its name, so that importing it harms nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inhouse.errors import NotOfferedError

if TYPE_CHECKING:
    from collections.abc import Callable


def unavailable(name: str, why: str) -> NotOfferedError:
    """Return the error that a call of it raises.

    Args:
        name: what was called, as packs write it.
        why: what stands in the way, and what would do instead.

    """
    return NotOfferedError(f"The custom node uses {name}, which Inhouse does not offer: {why}.")


def missing_function(name: str, why: str) -> Callable[..., Any]:
    """Return a function that raises the error when it is called; else as ``unavailable``."""

    def call(*_arguments: Any, **_named: Any) -> Any:
        raise unavailable(name, why)

    call.__name__ = call.__qualname__ = name.rpartition(".")[2]
    return call


def missing_class(name: str, why: str) -> type[Any]:
    """Return a class that may be looked at, and derived from, and raises the error when an object of it is made."""

    def refuse(_self: object, *_arguments: Any, **_named: Any) -> None:
        raise unavailable(name, why)

    return type(name.rpartition(".")[2], (), {"__init__": refuse, "__doc__": f"Not offered: {why}."})
