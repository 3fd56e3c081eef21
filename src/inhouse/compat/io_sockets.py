"""Inputs and outputs of new-style nodes (``comfy_api.latest.io``): ``io.Int.Input("steps", min=1)``."""

from __future__ import annotations

from enum import Enum, StrEnum
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_OPTION_NAMES = {
    "raw_link": "rawLink",
    "force_input": "forceInput",
    "dynamic_prompts": "dynamicPrompts",
    "display_mode": "display",
    "widget_type": "widgetType",
}
"""Keywords whose name in a description differs."""


class NumberDisplay(StrEnum):
    """How a canvas shows a number."""

    number = "number"
    slider = "slider"


class FolderType(StrEnum):
    """A folder of pictures."""

    input = "input"
    output = "output"
    temp = "temp"


class UploadType(StrEnum):
    """What a combo's button uploads."""

    image = "image_upload"
    audio = "audio_upload"
    video = "video_upload"
    model = "file_upload"


class Socket:
    """An input.

    Args:
        id: its name.
        display_name: what a canvas calls it.
        optional: whether a workflow may leave it out.
        extra_dict: further options, by the names they have in a description.
        options: ``tooltip``, ``lazy``, ``default``, ``min`` and so on; those that are None are not set.

    """

    io_type: ClassVar[str] = "*"

    def __init__(
        self,
        id: str,  # noqa: A002 - packs name it so
        display_name: str | None = None,
        optional: bool = False,  # noqa: FBT001, FBT002 - as above
        *,
        extra_dict: dict[str, Any] | None = None,
        **options: Any,
    ) -> None:
        self.id = id
        self.display_name = display_name
        self.optional = optional
        self.wire = options.pop("io_type", None) or self.io_type
        named = {"display_name": display_name, **options}
        self.options = {_OPTION_NAMES.get(n, n): _plain(v) for n, v in named.items() if v is not None}
        self.options.update(extra_dict or {})

    def as_pair(self) -> tuple[str, dict[str, Any]]:
        """Return the input as ``(type, options)``."""
        return self.wire, self.options


class OutputSocket:
    """An output.

    Args:
        id: its name; by default that of its type.
        display_name: what a canvas calls it.
        tooltip: a sentence of help.
        is_output_list: whether it gives a list whose elements are mapped downstream.

    """

    io_type: ClassVar[str] = "*"

    def __init__(
        self,
        id: str | None = None,  # noqa: A002 - packs name it so
        display_name: str | None = None,
        tooltip: str | None = None,
        is_output_list: bool = False,  # noqa: FBT001, FBT002 - as above
        **_more: Any,
    ) -> None:
        self.id = id
        self.display_name = display_name
        self.tooltip = tooltip
        self.is_output_list = is_output_list


class ComfyType:
    """A type of wire, with its ``Input`` and ``Output``."""

    io_type: ClassVar[str] = "*"
    Type: ClassVar[Any] = Any
    Input: ClassVar[type[Socket]] = Socket
    Output: ClassVar[type[OutputSocket]] = OutputSocket


def comfytype(io_type: str, **_more: Any) -> Callable[[type[Any]], type[Any]]:
    """Return a decorator that gives a class, and its ``Input`` and ``Output``, the name of a wire type."""

    def name(cls: type[Any]) -> type[Any]:
        cls.io_type = io_type
        for part, base in (("Input", Socket), ("Output", OutputSocket)):
            setattr(cls, part, type(part, (getattr(cls, part, base),), {"io_type": io_type}))
        return cls

    return name


def custom(io_type: str) -> type[ComfyType]:
    """Return the type of wire of that name (``io.Custom``)."""
    return comfytype(io_type)(type(io_type, (ComfyType,), {}))


class _ComboInput(Socket):
    """A choice from ``options``: a list, or an enumeration whose values are meant."""

    def __init__(self, id: str, options: Any = None, **more: Any) -> None:  # noqa: A002 - packs name it so
        is_enum = isinstance(options, type) and issubclass(options, Enum)
        listed = [item.value for item in options] if is_enum else options
        upload = more.pop("upload", None)
        if upload is not None:
            more[UploadType(upload).value] = True
        super().__init__(id, multiselect=more.pop("multiselect", False), options=listed, **more)


class _MultiComboInput(_ComboInput):
    def __init__(self, id: str, options: Any = None, **more: Any) -> None:  # noqa: A002 - packs name it so
        super().__init__(id, options, multiselect=True, **more)


class _MultiTypeInput(Socket):
    """An input that takes several types: named ones, and those of another input if that is given for the id."""

    def __init__(self, id: str | Socket, types: Iterable[type[ComfyType]], **more: Any) -> None:  # noqa: A002 - as above
        names = [item.io_type for item in types]
        if isinstance(id, Socket):
            names.insert(0, id.wire)
            more = {**id.options, "optional": id.optional, **more}
            id = id.id  # noqa: A001 - as above
        super().__init__(id, io_type=",".join(dict.fromkeys(names)), **more)


class _MatchTypeInput(Socket):
    """An input whose type follows what other inputs of the same template are linked to; checked as any type."""

    def __init__(self, id: str, template: Any = None, **more: Any) -> None:  # noqa: A002 - as above
        allowed = getattr(template, "allowed", ())
        super().__init__(id, io_type=",".join(allowed) or "*", **more)


class _MatchTypeOutput(OutputSocket):
    def __init__(self, template: Any = None, **more: Any) -> None:
        super().__init__(**more)
        self.template = template


class _Template:
    """Names inputs and outputs that share a type.

    Args:
        template_id: the name.
        allowed_types: what the type may be; by default anything.

    """

    def __init__(self, template_id: str, allowed_types: Any = ()) -> None:
        self.template_id = template_id
        types = allowed_types if isinstance(allowed_types, list | tuple) else [allowed_types]
        self.allowed = tuple(item.io_type for item in types)


def socket_types() -> dict[str, type[Any]]:
    """Return the types of wire that ``comfy_api.latest.io`` offers, by their names there."""
    types: dict[str, type[Any]] = {name: custom(wire) for name, wire in _WIRES.items()}
    types["Combo"] = comfytype("COMBO")(type("Combo", (ComfyType,), {"Input": _ComboInput}))
    types["MultiCombo"] = comfytype("COMBO")(type("MultiCombo", (ComfyType,), {"Input": _MultiComboInput}))
    types["MultiType"] = comfytype("*")(type("MultiType", (ComfyType,), {"Input": _MultiTypeInput}))
    match = {"Input": _MatchTypeInput, "Output": _MatchTypeOutput, "Template": _Template}
    types["MatchType"] = comfytype("*")(type("MatchType", (ComfyType,), match))
    return types


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, Enum) else value


_WIRES = {
    "AnyType": "*",
    "Audio": "AUDIO",
    "AudioEncoder": "AUDIO_ENCODER",
    "AudioEncoderOutput": "AUDIO_ENCODER_OUTPUT",
    "Accumulation": "ACCUMULATION",
    "Boolean": "BOOLEAN",
    "Clip": "CLIP",
    "ClipVision": "CLIP_VISION",
    "ClipVisionOutput": "CLIP_VISION_OUTPUT",
    "Conditioning": "CONDITIONING",
    "ControlNet": "CONTROL_NET",
    "Float": "FLOAT",
    "FlowControl": "FLOW_CONTROL",
    "Gligen": "GLIGEN",
    "Guider": "GUIDER",
    "HookKeyframes": "HOOK_KEYFRAMES",
    "Hooks": "HOOKS",
    "Image": "IMAGE",
    "Int": "INT",
    "Latent": "LATENT",
    "LatentOperation": "LATENT_OPERATION",
    "Load3D": "LOAD_3D",
    "LoraModel": "LORA_MODEL",
    "LossMap": "LOSS_MAP",
    "Mask": "MASK",
    "Mesh": "MESH",
    "Model": "MODEL",
    "ModelPatch": "MODEL_PATCH",
    "Noise": "NOISE",
    "Photomaker": "PHOTOMAKER",
    "Sampler": "SAMPLER",
    "Sigmas": "SIGMAS",
    "String": "STRING",
    "StyleModel": "STYLE_MODEL",
    "SVG": "SVG",
    "TimestepsRange": "TIMESTEPS_RANGE",
    "UpscaleModel": "UPSCALE_MODEL",
    "Vae": "VAE",
    "Video": "VIDEO",
    "Voxel": "VOXEL",
    "Webcam": "WEBCAM",
}
