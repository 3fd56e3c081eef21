"""New-style node classes: ``define_schema`` and ``execute``."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from inhouse.compat.node_class import NodeClass
from inhouse.engine.sockets import OutputSpec
from inhouse.engine.types import WireType
from inhouse.errors import RegistryError

if TYPE_CHECKING:
    from collections.abc import Callable

    from inhouse.compat.io_nodes import Schema


def read_v3(cls: Any) -> NodeClass:
    """Return what a new-style node class says of itself.

    Raises:
        RegistryError: it has no ``execute``, or its ``define_schema`` fails.

    """
    execute = getattr(cls, "execute", None)
    if not callable(execute):
        raise RegistryError(f"Class {cls!r} has no execute.")
    schema = _schema(cls)
    lazy, check = _own(cls, "check_lazy_status"), _own(cls, "validate_inputs")
    return NodeClass(
        id=schema.node_id,
        input_types=lambda: _sections(cls.define_schema()),
        outputs=tuple(_output(socket) for socket in schema.outputs),
        find=lambda _node_id: execute,
        is_async=inspect.iscoroutinefunction(execute),
        lazy=(lambda _node_id: lazy) if lazy else None,
        fingerprint=_own(cls, "fingerprint_inputs"),
        check=check,
        hidden={item.name: item.value for item in schema.hidden},
        passes_hidden=False,
        category=schema.category,
        display_name=schema.display_name or schema.node_id,
        description=schema.description,
        output_node=schema.is_output_node,
        input_is_list=schema.is_input_list,
        keyed_by_id=schema.not_idempotent,
        flags={
            "deprecated": schema.is_deprecated,
            "experimental": schema.is_experimental,
            "api_node": schema.is_api_node,
        },
    )


def _schema(cls: Any) -> Schema:
    try:
        schema: Schema = cls.define_schema()
    except Exception as error:
        raise RegistryError(f"define_schema of {cls!r} fails: {type(error).__name__}: {error}") from error
    return schema


def _sections(schema: Schema) -> dict[str, Any]:
    return {
        "required": {item.id: item.as_pair() for item in schema.inputs if not item.optional},
        "optional": {item.id: item.as_pair() for item in schema.inputs if item.optional},
    }


def _output(socket: Any) -> OutputSpec:
    name = socket.display_name or socket.id or socket.io_type
    return OutputSpec(name, WireType.parse(socket.io_type), socket.is_output_list, socket.tooltip or "")


def _own(cls: Any, name: str) -> Callable[..., Any] | None:
    found = getattr(cls, name, None)
    return found if callable(found) else None
