"""Our own nodes as custom packs look them up: old-style classes by id (``nodes.NODE_CLASS_MAPPINGS``)."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from inhouse.compat.border import Border
from inhouse.compat.calls_in_progress import current_call
from inhouse.compat.method_names import METHODS, saving_attributes
from inhouse.compat.object_info import object_info
from inhouse.engine.node import Result
from inhouse.engine.sockets import MISSING

if TYPE_CHECKING:
    from inhouse.engine.node import NodeSpec
    from inhouse.engine.registry import Registry


_HIDDEN = frozenset({"prompt", "extra_pnginfo", "unique_id", "filename_prefix"})
"""Inputs that packs hand on, and that our nodes get otherwise."""
_HOOKS = frozenset({"IS_CHANGED", "VALIDATE_INPUTS", "check_lazy_status"})
"""What old-style classes may have, and these do not."""


class NodeClasses(Mapping[str, type[Any]]):
    """Node classes by id: those of loaded packs as they are, ours made up when first asked for.

    Args:
        registry: the nodes there are.
        loaded: classes of custom packs; grows while packs are loaded.
        folder: from ``output`` or ``temp`` to the path of that folder now.
        border: how values look to the packs that call these.

    """

    def __init__(
        self,
        registry: Registry,
        loaded: Mapping[str, type[Any]],
        folder: Callable[[str], str] = str,
        border: Border | None = None,
    ) -> None:
        self._folder = folder
        self._border = border or Border()
        self._registry = registry
        self._loaded = loaded
        self._made: dict[str, type[Any]] = {}

    def __getitem__(self, node_id: str) -> type[Any]:
        if node_id in self._loaded:
            return self._loaded[node_id]
        if node_id not in self._made:
            self._made[node_id] = _made_up(self._registry[node_id], self._registry, self._folder, self._border)
        return self._made[node_id]

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys([*(spec.id for spec in self._registry), *self._loaded]))

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _made_up(spec: NodeSpec, registry: Registry, folder: Callable[[str], str], border: Border) -> type[Any]:
    """Return an old-style class that calls a node of ours."""

    def input_types(_cls: type[Any]) -> dict[str, Any]:
        described: dict[str, Any] = object_info(spec, registry)["input"]
        return described

    def run(_self: object, *arguments: Any, **inputs: Any) -> Any:
        call = current_call()
        given = {name: border.inwards(value) for name, value in _given(spec, arguments, inputs).items()}
        if spec.context and call is not None:
            given[spec.context] = call.context
        returned = spec(**given)
        if isinstance(returned, Result):
            values = tuple(map(border.outwards, returned.values))
            return {"result": values, **({"ui": returned.ui} if returned.ui is not None else {})}
        values = tuple(returned) if len(spec.outputs) > 1 else () if not spec.outputs else (returned,)
        return tuple(map(border.outwards, values))

    def method(self: object, name: str) -> Any:
        """Give what runs the node under any name: packs call it as the class of that id does elsewhere."""
        if name.startswith("_") or name in _HOOKS:
            raise AttributeError(f"node {spec.id} has no attribute {name!r}")
        return partial(run, self)

    name = METHODS.get(spec.id, "run")
    return type(
        spec.id,
        (),
        {
            **saving_attributes(spec.id, folder),
            "__doc__": inspect.cleandoc(spec.description),
            "INPUT_TYPES": classmethod(input_types),
            "RETURN_TYPES": tuple(str(output.type) for output in spec.outputs),
            "RETURN_NAMES": tuple(output.name for output in spec.outputs),
            "OUTPUT_NODE": spec.output_node,
            "CATEGORY": spec.category,
            "FUNCTION": name,
            name: run,
            "run": run,
            "__getattr__": method,
        },
    )


def _given(spec: NodeSpec, arguments: Sequence[Any], inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the inputs of a call by name; of what is not given, choices are the first and the rest is the default."""
    given = {**dict(zip(spec.inputs, arguments, strict=False)), **inputs}
    for name in _HIDDEN - spec.inputs.keys():
        given.pop(name, None)
    for name, declared in spec.inputs.items():
        source = declared.choices.source if declared.choices else ""
        if name not in given and declared.default is MISSING and isinstance(source, tuple) and source:
            given[name] = source[0]
    return given
