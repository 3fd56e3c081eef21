"""The inside of ComfyUI that packs reach into: there by name, and refused by name where it is used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inhouse.compat.module_table import make_module
from inhouse.compat.unavailable import unavailable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

_WHY = "it is a part of ComfyUI's own inside, and other nodes of the pack work without it"
_PACKAGES = ("comfy.", "comfy_extras.", "comfy_api_nodes.", "comfy_config.")


class _Inner(type):
    """The class of such parts: what they have is a part, too; only calling one fails."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        part = inner_part(f"{cls.__doc__}.{name}")
        setattr(cls, name, part)
        return part

    def __call__(cls, *arguments: Any, **named: Any) -> Any:
        """Refuse, unless a pack has derived a class of its own that does not need what it is derived from."""
        if "__inner__" in vars(cls):
            raise unavailable(str(cls.__doc__), _WHY)
        return super().__call__(*arguments, **named)


def inner_part(name: str) -> type[Any]:
    """Return a part by its name: a class that can be looked at and derived from, and fails when it is called."""

    def refuse(_self: object, *_arguments: Any, **_named: Any) -> None:
        raise unavailable(name, _WHY)

    members = {"__init__": refuse, "__doc__": name, "__inner__": True}
    return _Inner(name.rpartition(".")[2], (), members)


def inner_module(name: str, classes: Mapping[str, type[Any]]) -> ModuleType | None:
    """Return a module of ComfyUI's inside; None for a name that is none.

    Args:
        name: its full name.
        classes: nodes by their ids, which modules of ``comfy_extras`` have by the same names.

    """
    if not name.startswith(_PACKAGES):
        return None
    module = make_module(name, __path__=[])

    def look_up(member: str) -> Any:
        if member.startswith("__"):
            raise AttributeError(f"module {name!r} has no attribute {member!r}")
        found = classes.get(member) if name.startswith("comfy_extras.") else None
        part = found or inner_part(f"{name}.{member}")
        setattr(module, member, part)
        return part

    module.__dict__["__getattr__"] = look_up
    return module
