"""The inside of ComfyUI that packs reach into: there by name, and refused by name where it is used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inhouse.compat.module_table import make_module
from inhouse.compat.unavailable import unavailable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

_WHY = "it is a part of ComfyUI's own inside, and other nodes of the pack work without it"
_TOPS = frozenset({"comfy", "comfy_api", "comfy_api_nodes", "comfy_config", "comfy_execution", "comfy_extras"})
_ALONE = frozenset({"app", "execution", "protocol"})
"""Further modules of ComfyUI's, whose names are anybody's."""
TOPS = _TOPS | _ALONE


class _Inner(type):
    """The class of such parts: what they have is a part, too; only calling one fails. None of them is set."""

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

    def __bool__(cls) -> bool:
        """Be false, as a flag that nobody has set; what packs derive is a class like any other."""
        return "__inner__" not in vars(cls)


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
    if name.partition(".")[0] not in TOPS:
        return None
    members = dict(classes) if name.startswith("comfy_extras.") else {}
    return with_inner_parts(make_module(name, __path__=[], **members))


def with_inner_parts(module: ModuleType) -> ModuleType:
    """Give a module a part for every name that it does not have, also for those of modules that it might have."""
    name, known = module.__name__, module.__dict__.get("__getattr__")

    def look_up(member: str) -> Any:
        if member.startswith("__"):
            raise AttributeError(f"module {name!r} has no attribute {member!r}")
        if known is not None:
            try:
                return known(member)
            except AttributeError:
                pass
        part = inner_part(f"{name}.{member}")
        setattr(module, member, part)
        return part

    module.__dict__["__getattr__"] = look_up
    return module
