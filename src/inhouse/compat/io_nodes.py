"""New-style nodes (``comfy_api.latest``): the schema, the base class, what a node returns, and an extension."""

from __future__ import annotations

from enum import StrEnum
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from inhouse.compat.calls_in_progress import current_call
from inhouse.compat.comfy_utils import ProgressBar
from inhouse.compat.node_class import hidden_inputs
from inhouse.engine.node import Blocker

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inhouse.compat.io_sockets import OutputSocket, Socket


class Hidden(StrEnum):
    """What a node may be told besides its inputs."""

    unique_id = "UNIQUE_ID"
    prompt = "PROMPT"
    extra_pnginfo = "EXTRA_PNGINFO"
    dynprompt = "DYNPROMPT"
    auth_token_comfy_org = "AUTH_TOKEN_COMFY_ORG"  # noqa: S105 - the name of a kind, no secret
    api_key_comfy_org = "API_KEY_COMFY_ORG"


class Schema:
    """What a node says of itself; traits that are not known here are let pass."""

    def __init__(  # noqa: PLR0913 - each is one declared trait of a node
        self,
        node_id: str,
        display_name: str | None = None,
        category: str = "",
        inputs: Sequence[Socket] | None = None,
        outputs: Sequence[OutputSocket] | None = None,
        hidden: Sequence[Hidden] | None = None,
        description: str = "",
        *,
        is_input_list: bool = False,
        is_output_node: bool = False,
        is_deprecated: bool = False,
        is_experimental: bool = False,
        is_api_node: bool = False,
        not_idempotent: bool = False,
        **_more: Any,
    ) -> None:
        self.node_id = node_id
        self.display_name = display_name
        self.category = category
        self.inputs = list(inputs or ())
        self.outputs = list(outputs or ())
        self.hidden = list(hidden or ())
        self.description = description
        self.is_input_list = is_input_list
        self.is_output_node = is_output_node
        self.is_deprecated = is_deprecated
        self.is_experimental = is_experimental
        self.is_api_node = is_api_node
        self.not_idempotent = not_idempotent


class _HiddenOfCall:
    """Gives ``cls.hidden`` in a call: hidden inputs by name, None outside of one."""

    def __get__(self, instance: object, owner: type[Any]) -> SimpleNamespace:
        kinds = {item.name: item.value for item in Hidden}
        return SimpleNamespace(**hidden_inputs(current_call(), kinds))


class ComfyNode:
    """The base class of new-style nodes: ``define_schema`` and ``execute`` are class methods."""

    hidden = _HiddenOfCall()

    @classmethod
    def define_schema(cls) -> Schema:
        """Return what the node says of itself; every node has its own."""
        raise TypeError(f"{cls.__name__} does not define a schema")

    @classmethod
    def GET_SCHEMA(cls) -> Schema:  # noqa: N802 - packs name it so
        """Return what the node says of itself."""
        return cls.define_schema()


class NodeOutput:
    """What a node returns.

    Args:
        args: the values of its outputs.
        ui: what a canvas shows: a mapping, or an object of ``comfy_api.latest.ui``.
        expand: a graph that runs in the node's place.
        block_execution: keep the consumers from running, and tell the user why.

    """

    def __init__(
        self, *args: Any, ui: Any = None, expand: Any = None, block_execution: str | None = None, **_more: Any
    ) -> None:
        self.args = args
        self.ui = ui
        self.expand = expand
        self.block_execution = block_execution

    @property
    def result(self) -> tuple[Any, ...] | None:
        """The values of the outputs, None for none."""
        return self.args or None

    def as_mapping(self) -> dict[str, Any]:
        """Return it in the form in which old-style nodes return it."""
        result = self.result if self.block_execution is None else Blocker(self.block_execution)
        ui = self.ui.as_dict() if hasattr(self.ui, "as_dict") else self.ui
        return {"ui": ui, "result": result, "expand": self.expand}


class _Execution:
    """Tells of the node that runs (``ComfyAPI().execution``)."""

    async def set_progress(
        self, value: float, max_value: float, node_id: str | None = None, preview_image: Any = None, **_more: Any
    ) -> None:
        """Report steps, with a PIL picture of what there is to see."""
        preview = ("JPEG", preview_image, None) if hasattr(preview_image, "convert") else None
        ProgressBar(max_value, node_id).update_absolute(value, preview=preview)


class ComfyAPI:
    """What nodes may ask for while they run."""

    def __init__(self) -> None:
        self.execution = _Execution()


class ComfyExtension:
    """A pack of new-style nodes."""

    async def on_load(self) -> None:
        """Do what is to be done once, before the nodes are asked for."""

    async def get_node_list(self) -> list[type[ComfyNode]]:
        """Return the nodes of the pack."""
        return []
