"""Old-style node classes: ``INPUT_TYPES``, ``RETURN_TYPES``, ``FUNCTION`` and what else they say of themselves."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from inhouse.compat.node_class import HIDDEN_KINDS, NodeClass
from inhouse.compat.object_info import read_outputs
from inhouse.errors import RegistryError

if TYPE_CHECKING:
    from collections.abc import Callable

_INSTANCES = 256
"""Of so many nodes of a class the instances are kept."""


def read_v1(node_id: str, cls: type[Any], display_name: str = "") -> NodeClass:
    """Return what an old-style node class says of itself.

    Args:
        node_id: the id in workflows.
        cls: the class.
        display_name: what a canvas writes on it.

    Raises:
        RegistryError: it lacks what every node class has, or its ``INPUT_TYPES`` fails.

    """
    name = getattr(cls, "FUNCTION", None)
    function = getattr(cls, name, None) if isinstance(name, str) else None
    if not callable(getattr(cls, "INPUT_TYPES", None)) or not callable(function):
        raise RegistryError(f"Class {cls!r} has no INPUT_TYPES, or no method that FUNCTION names.", node_id=node_id)
    sections = _sections(node_id, cls)
    types = getattr(cls, "RETURN_TYPES", ()) or ()
    instance = lru_cache(_INSTANCES)(lambda _node_id: cls())
    lazy = callable(getattr(cls, "check_lazy_status", None))
    return NodeClass(
        id=node_id,
        input_types=cls.INPUT_TYPES,
        outputs=read_outputs(
            [types] if isinstance(types, str) else types,
            getattr(cls, "RETURN_NAMES", None),
            getattr(cls, "OUTPUT_IS_LIST", None),
            getattr(cls, "OUTPUT_TOOLTIPS", None),
        ),
        find=_method(instance, str(name)),
        is_async=inspect.iscoroutinefunction(function),
        lazy=_method(instance, "check_lazy_status") if lazy else None,
        fingerprint=getattr(cls, "IS_CHANGED", None),
        check=getattr(cls, "VALIDATE_INPUTS", None),
        hidden={name: kind for name, kind in _hidden(sections) if kind in HIDDEN_KINDS},
        category=str(getattr(cls, "CATEGORY", "") or ""),
        display_name=display_name or node_id,
        description=str(getattr(cls, "DESCRIPTION", "") or ""),
        output_node=bool(getattr(cls, "OUTPUT_NODE", False)),
        input_is_list=bool(getattr(cls, "INPUT_IS_LIST", False)),
        keyed_by_id=bool(getattr(cls, "NOT_IDEMPOTENT", False)),
        flags={flag: True for flag in ("deprecated", "experimental") if getattr(cls, flag.upper(), False)},
    )


def _sections(node_id: str, cls: type[Any]) -> Mapping[str, Any]:
    try:
        sections = cls.INPUT_TYPES()
    except Exception as error:
        raise RegistryError(f"INPUT_TYPES fails: {type(error).__name__}: {error}", node_id=node_id) from error
    if not isinstance(sections, Mapping):
        raise RegistryError(f"INPUT_TYPES returns a {type(sections).__name__}, no mapping.", node_id=node_id)
    return sections


def _hidden(sections: Mapping[str, Any]) -> list[tuple[str, str]]:
    given = (sections.get("hidden") or {}).items()
    return [(str(name), str(kind[0] if isinstance(kind, list | tuple) and kind else kind)) for name, kind in given]


def _method(instance: Callable[[str], Any], name: str) -> Callable[[str], Callable[..., Any]]:
    def find(node_id: str) -> Callable[..., Any]:
        method: Callable[..., Any] = getattr(instance(node_id), name)
        return method

    return find
