"""Nodes of custom packs that another process has: what it says of them, and nodes made from that."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from inhouse.compat.json_ready import json_ready
from inhouse.compat.leniency import is_open_ended, left_to_check
from inhouse.compat.live_choices import LiveChoices
from inhouse.compat.object_info import object_info, spec_from_object_info
from inhouse.compat.signatures import with_names
from inhouse.engine.asking import ask
from inhouse.engine.markers import Choices

if TYPE_CHECKING:
    from inhouse.compat.custom_nodes import CustomNodes
    from inhouse.engine.node import NodeSpec
    from inhouse.engine.registry import Registry
    from inhouse.engine.sockets import InputSpec

Check = Callable[[str, Mapping[str, Any]], bool | str]
"""From a node's id and its literal inputs to True, or to a text that says what is wrong with them."""
PACKS = "packs"
SEPARATOR = "\n"
"""The source of choices that nodes of custom packs refer to: ``packs/<node id>`` + separator + ``<input>``."""


@dataclass(frozen=True, slots=True)
class RemoteNode:
    """A node that another process has.

    Attributes:
        id: its id.
        pack: the pack that it is of.
        entry: its description, as ``object_info`` writes it.
        checked: the parameters of its own check; empty where it has none.

    """

    id: str
    pack: str
    entry: Mapping[str, Any]
    checked: Collection[str] = ()

    def spec(self, check: Check) -> NodeSpec:
        """Return it as a node that is validated here, and run elsewhere.

        Args:
            check: asks the other process.

        """
        spec = spec_from_object_info(self.id, self.entry)
        inputs = {name: self._input(item) for name, item in spec.inputs.items()}
        names = [*inputs] if "*" in self.checked else self.checked
        return replace(
            spec,
            pack=self.pack,
            inputs=MappingProxyType(inputs),
            check=with_names(lambda **known: check(self.id, known), names) if names else None,
        )

    def _input(self, item: InputSpec) -> InputSpec:
        if item.choices is not None and is_open_ended(item, self.checked):
            listed = tuple(item.choices.source)
            item = replace(item, choices=Choices(LiveChoices(lambda: listed, open_ended=True)))
        elif item.choices is not None:
            item = replace(item, choices=Choices(f"{PACKS}/{self.id}{SEPARATOR}{item.name}"))
        return left_to_check(item, self.checked)


def described(nodes: CustomNodes, registry: Registry) -> list[dict[str, Any]]:
    """Return what another process needs to know of loaded packs, as JSON-ready data but for the paths.

    Args:
        nodes: the packs.
        registry: where their nodes went; asked for the choices there are now.

    Returns:
        For each pack, and each that could not be loaded: ``name``, ``nodes``, ``checks``, ``web``, ``folder``,
        ``problem`` and ``watches``.

    """
    problems: dict[str, list[str]] = {}
    for problem in nodes.problems:
        problems.setdefault(problem.pack, []).append(str(problem))
    loaded = [
        {
            "name": pack.name,
            "nodes": {spec.id: json_ready(object_info(spec, registry)) for spec in pack.nodes},
            "checks": {spec.id: _names(spec.check) for spec in pack.nodes if spec.check is not None},
            "web": pack.web,
            "folder": pack.path if pack.path.is_dir() else None,
            "problem": "\n".join(problems.pop(pack.name, ())),
            "watches": [*pack.watches, nodes.folders.input] if pack.nodes else [],
        }
        for pack in nodes.packs
    ]
    return loaded + [{"name": name, "problem": "\n".join(told)} for name, told in problems.items()]


def check(registry: Registry, node_id: str, inputs: Mapping[str, Any]) -> bool | str:
    """Return what a node's own check says of literal inputs: True, or what is wrong.

    A check that fails says so; a node without one has nothing to say against them.
    """
    spec = registry.get(node_id)
    if spec is None or spec.check is None:
        return True
    try:
        answer = ask(spec.check, inputs)
    except Exception as error:  # noqa: BLE001 - a pack's own code
        return f"The node's own check failed: {type(error).__name__}: {error}"
    return True if answer is True else str(answer)


def _names(function: Callable[..., Any]) -> list[str]:
    return list(inspect.signature(function).parameters)
