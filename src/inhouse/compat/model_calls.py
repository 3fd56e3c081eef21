"""Models as custom packs load and hold them (``comfy.sd``, ``comfy.model_patcher``), done by our own loader nodes."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from inhouse.compat.module_table import make_module
from inhouse.compat.unavailable import missing_class, missing_function, unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import ModuleType

    from inhouse.models.catalogue import ModelCatalogue

_USE_LOADERS = "use a loader node, such as those of nodes.NODE_CLASS_MAPPINGS"


class CLIPType(Enum):
    """For which family a text encoder is read."""

    STABLE_DIFFUSION = 1
    STABLE_CASCADE = 2
    SD3 = 3
    STABLE_AUDIO = 4
    HUNYUAN_DIT = 5
    FLUX = 6
    MOCHI = 7
    LTXV = 8
    HUNYUAN_VIDEO = 9
    PIXART = 10
    COSMOS = 11
    LUMINA2 = 12
    WAN = 13
    HIDREAM = 14
    CHROMA = 15
    ACE = 16
    OMNIGEN2 = 17
    QWEN_IMAGE = 18
    HUNYUAN_IMAGE = 19


class ModelPatcher:
    """Holds a network of a pack's own, and puts it onto a device while it is wanted there.

    Args:
        model: a ``torch.nn.Module``.
        load_device: where it computes.
        offload_device: where it waits.
        size: its bytes; counted if 0.

    """

    def __init__(
        self,
        model: Any,
        load_device: Any,
        offload_device: Any,
        size: int = 0,
        weight_inplace_update: bool = False,  # noqa: FBT001, FBT002 - packs call it so
    ) -> None:
        self.model = model
        self.load_device = load_device
        self.offload_device = offload_device
        self.size = size
        self.weight_inplace_update = weight_inplace_update
        self.current_device = offload_device
        self.model_options: dict[str, Any] = {"transformer_options": {}}

    def model_size(self) -> int:
        """Return the network's bytes."""
        if not self.size:
            self.size = sum(value.nbytes for value in self.model.state_dict().values())
        return self.size

    def model_dtype(self) -> Any:
        """Return the type of its numbers; None if it has none."""
        return next((value.dtype for value in self.model.parameters()), None)

    def clone(self) -> Self:
        """Return another holder of the same network, with options of its own."""
        copy = type(self)(self.model, self.load_device, self.offload_device, self.size, self.weight_inplace_update)
        copy.current_device = self.current_device
        copy.model_options = {
            **self.model_options,
            "transformer_options": {**self.model_options["transformer_options"]},
        }
        return copy

    def is_clone(self, other: Any) -> bool:
        """Whether another holds the same network."""
        return getattr(other, "model", None) is self.model

    def patch_model(self, device_to: Any = None, *_given: Any, **_named: Any) -> Any:
        """Put the network onto the device that it computes on, and return it."""
        return self._move(device_to or self.load_device)

    def unpatch_model(self, device_to: Any = None, *_given: Any, **_named: Any) -> Any:
        """Put the network where it waits, and return it."""
        return self._move(device_to or self.offload_device)

    detach = unpatch_model

    def add_patches(self, *_given: Any, **_named: Any) -> list[Any]:
        """Refuse: weights of ours are changed by the node LoraLoader."""
        raise unavailable("ModelPatcher.add_patches", "use the node LoraLoader")

    def _move(self, device: Any) -> Any:
        self.model.to(device)
        self.current_device = device
        return self.model


def model_modules(classes: Mapping[str, type[Any]], catalogue: ModelCatalogue) -> list[ModuleType]:
    """Return ``comfy.sd`` and ``comfy.model_patcher``.

    Args:
        classes: the nodes there are.
        catalogue: the models that they load by name.

    """

    def loader(node_id: str, kind: str, input_name: str) -> Callable[..., Any]:
        def load(path: str, *_given: Any, **_named: Any) -> Any:
            return classes[node_id]().run(**{input_name: _name(catalogue, kind, path)})

        return load

    checkpoint = loader("CheckpointLoaderSimple", "checkpoints", "ckpt_name")
    unet = loader("UNETLoader", "diffusion_models", "unet_name")

    def load_lora_for_models(model: Any, clip: Any, lora: Any, strength_model: float, strength_clip: float) -> Any:
        path = getattr(lora, "path", None)
        if path is None:
            raise unavailable("comfy.sd.load_lora_for_models", "it takes what comfy.utils.load_torch_file has read")
        strengths = {"strength_model": strength_model, "strength_clip": strength_clip}
        name = _name(catalogue, "loras", path)
        if clip is None:
            return *classes["LoraLoaderModelOnly"]().run(
                model=model, lora_name=name, strength_model=strength_model
            ), None
        return classes["LoraLoader"]().run(model=model, clip=clip, lora_name=name, **strengths)

    missing = ("load_clip", "load_gligen", "load_checkpoint", "load_diffusion_model_state_dict", "save_checkpoint")
    return [
        make_module(
            "comfy.sd",
            CLIPType=CLIPType,
            load_checkpoint_guess_config=lambda path, *_given, **_named: (*checkpoint(path), None),
            load_diffusion_model=lambda path, *_given, **_named: unet(path)[0],
            load_unet=lambda path, *_given, **_named: unet(path)[0],
            load_lora_for_models=load_lora_for_models,
            **{name: missing_function(f"comfy.sd.{name}", _USE_LOADERS) for name in missing},
            **{name: missing_class(f"comfy.sd.{name}", _USE_LOADERS) for name in ("VAE", "CLIP", "StyleModel")},
        ),
        make_module("comfy.model_patcher", ModelPatcher=ModelPatcher, LoadedModel=ModelPatcher),
    ]


def _name(catalogue: ModelCatalogue, kind: str, path: str | Path) -> str:
    """Return the name by which a loader node knows a file."""
    for folder in catalogue.folders(kind):
        if Path(path).is_relative_to(folder):
            return Path(path).relative_to(folder).as_posix()
    raise unavailable(f"a loader of {kind}", f"{Path(path).name} lies in no folder of {kind}")
