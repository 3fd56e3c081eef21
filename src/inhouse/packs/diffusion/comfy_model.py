"""Models as custom ComfyUI packs hold them: settings that they change, over a model of ours that stays as it is."""

from __future__ import annotations

import copy
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from inhouse.compat.model_calls import ModelPatcher
from inhouse.compat.unavailable import unavailable
from inhouse.packs.diffusion.comfy_guidance import guidance_with
from inhouse.packs.diffusion.comfy_options import PATCHES, patches_of
from inhouse.packs.diffusion.comfy_views import BaseModel, LatentView, ModelConfig, ModelSampling, prediction_of
from inhouse.packs.diffusion.guidance import Guidance, guidance_of
from inhouse.packs.diffusion.patches import Patches
from inhouse.packs.diffusion.unet import DiffusionModel

if TYPE_CHECKING:
    from collections.abc import Callable

_SETTINGS = "comfy_settings"


@dataclass(frozen=True)
class Settings:
    """What packs have put on a model, so that the next one can go on from there.

    Attributes:
        options: ``model_options``.
        patches: what they became.
        before: the guidance that they changed.
        after: what it became.

    """

    options: dict[str, Any]
    patches: Patches
    before: Guidance
    after: Guidance


class HostModel(ModelPatcher):
    """A model of ours as packs hold it (``comfy.model_patcher.ModelPatcher``).

    Args:
        host: the model, which stays as it is.
        options: ``model_options`` to begin with.

    """

    def __init__(self, host: DiffusionModel, options: dict[str, Any] | None = None) -> None:
        import torch

        device = torch.device(host.device)
        super().__init__(None, device, torch.device("cpu"), host.base.nbytes)
        self.host = host
        self.model_options: dict[str, Any] = {"transformer_options": {}} if options is None else options
        self.object_patches: dict[str, Any] = {}
        self.parent: HostModel | None = None

    @property
    def model(self) -> Any:
        """The model inside."""
        return BaseModel(self.host, self.get_model_object("model_sampling"))

    @model.setter
    def model(self, value: Any) -> None:
        """Keep what is inside; a pack that gives another model makes a holder of its own."""

    def clone(self) -> HostModel:
        """Return another holder of the same model, with settings of its own."""
        clone = HostModel(self.host, _copied(self.model_options))
        clone.object_patches = dict(self.object_patches)
        clone.parent = self
        return clone

    def is_clone(self, other: Any) -> bool:
        """Whether another holds the same network."""
        return isinstance(other, HostModel) and other.host.base is self.host.base

    def model_dtype(self) -> Any:
        """Return the type that it computes in."""
        return self.host.dtype

    def get_model_object(self, name: str) -> Any:
        """Return a part of the model by its name, with dots between."""
        if name in self.object_patches:
            return self.object_patches[name]
        first, _, rest = name.partition(".")
        parts: dict[str, Callable[[], Any]] = {
            "model_sampling": lambda: ModelSampling(self.host.prediction),
            "latent_format": lambda: LatentView(self.host.latent_format),
            "model_config": lambda: ModelConfig(self.host),
            "diffusion_model": self.host.network.get,
        }
        if first not in parts:
            raise unavailable(
                f"get_model_object({name!r})", "only parts of the model that have no weights, and the network"
            )
        part = parts[first]()
        for step in filter(None, rest.split(".")):
            part = getattr(part, step)
        return part

    def add_object_patch(self, name: str, obj: Any) -> None:
        """Put an object in the place of ``model_sampling``."""
        if name != "model_sampling":
            raise unavailable(f"add_object_patch({name!r})", "only model_sampling can be replaced")
        self.object_patches[name] = obj

    def set_model_sampler_cfg_function(
        self,
        sampler_cfg_function: Callable[..., Any],
        disable_cfg1_optimization: bool = False,  # noqa: FBT001, FBT002 - packs call it so
    ) -> None:
        """Combine the predictions otherwise."""
        self.model_options["sampler_cfg_function"] = sampler_cfg_function
        self._need_negative(needed=disable_cfg1_optimization)

    def set_model_sampler_post_cfg_function(
        self,
        post_cfg_function: Callable[..., Any],
        disable_cfg1_optimization: bool = False,  # noqa: FBT001, FBT002 - as above
    ) -> None:
        """Change what the predictions came to."""
        self._add("sampler_post_cfg_function", post_cfg_function)
        self._need_negative(needed=disable_cfg1_optimization)

    def set_model_sampler_pre_cfg_function(
        self,
        pre_cfg_function: Callable[..., Any],
        disable_cfg1_optimization: bool = False,  # noqa: FBT001, FBT002 - as above
    ) -> None:
        """Change the predictions before they are combined."""
        self._add("sampler_pre_cfg_function", pre_cfg_function)
        self._need_negative(needed=disable_cfg1_optimization)

    def set_model_unet_function_wrapper(self, unet_wrapper_function: Callable[..., Any]) -> None:
        """Put a function around the network."""
        self.model_options["model_function_wrapper"] = unet_wrapper_function

    def set_model_patch(self, patch: Callable[..., Any], name: str) -> None:
        """Add a patch of a kind."""
        if name not in PATCHES:
            raise unavailable(f"set_model_patch({name!r})", f"there are {', '.join(sorted(PATCHES))}")
        patches = self._transformer_options().setdefault("patches", {})
        patches[name] = [*patches.get(name, ()), patch]

    def set_model_patch_replace(
        self,
        patch: Callable[..., Any],
        name: str,
        block_name: str,
        number: int,
        transformer_index: int | None = None,
    ) -> None:
        """Put a function in the place of an attention."""
        changed = set_model_options_patch_replace(
            self.model_options, patch, name, block_name, number, transformer_index
        )
        self.model_options.update(changed)

    def set_model_attn1_patch(self, patch: Callable[..., Any]) -> None:
        """Change what the picture's attention to itself is computed from."""
        self.set_model_patch(patch, "attn1_patch")

    def set_model_attn2_patch(self, patch: Callable[..., Any]) -> None:
        """Change what the attention to the prompt is computed from."""
        self.set_model_patch(patch, "attn2_patch")

    def set_model_attn1_output_patch(self, patch: Callable[..., Any]) -> None:
        """Change what the picture's attention to itself gives."""
        self.set_model_patch(patch, "attn1_output_patch")

    def set_model_attn2_output_patch(self, patch: Callable[..., Any]) -> None:
        """Change what the attention to the prompt gives."""
        self.set_model_patch(patch, "attn2_output_patch")

    def set_model_attn1_replace(
        self, patch: Callable[..., Any], block_name: str, number: int, transformer_index: int | None = None
    ) -> None:
        """Put a function in the place of an attention of the picture to itself."""
        self.set_model_patch_replace(patch, "attn1", block_name, number, transformer_index)

    def set_model_attn2_replace(
        self, patch: Callable[..., Any], block_name: str, number: int, transformer_index: int | None = None
    ) -> None:
        """Put a function in the place of an attention to the prompt."""
        self.set_model_patch_replace(patch, "attn2", block_name, number, transformer_index)

    def set_model_input_block_patch(self, patch: Callable[..., Any]) -> None:
        """Change what an input block gives."""
        self.set_model_patch(patch, "input_block_patch")

    def set_model_input_block_patch_after_skip(self, patch: Callable[..., Any]) -> None:
        """Change what an input block gives to the next one."""
        self.set_model_patch(patch, "input_block_patch_after_skip")

    def set_model_output_block_patch(self, patch: Callable[..., Any]) -> None:
        """Change what an output block joins."""
        self.set_model_patch(patch, "output_block_patch")

    def _move(self, device: Any) -> Any:
        """Leave the model where it is: it goes to its device when it is asked."""
        self.current_device = device
        return self.model

    def _transformer_options(self) -> dict[str, Any]:
        options: dict[str, Any] = self.model_options.setdefault("transformer_options", {})
        return options

    def _add(self, name: str, function: Callable[..., Any]) -> None:
        self.model_options[name] = [*self.model_options.get(name, ()), function]

    def _need_negative(self, *, needed: bool) -> None:
        if needed:
            self.model_options["disable_cfg1_optimization"] = True


def set_model_options_patch_replace(
    model_options: dict[str, Any],
    patch: Callable[..., Any],
    name: str,
    block_name: str,
    number: int,
    transformer_index: int | None = None,
) -> dict[str, Any]:
    """Return ``model_options`` with a function in the place of an attention; those given stay as they are.

    Raises:
        NotOfferedError: what is to be replaced is no attention.

    """
    if name not in {"attn1", "attn2"}:
        raise unavailable(f"set_model_patch_replace({name!r})", "there are attn1 and attn2")
    place = (block_name, number) if transformer_index is None else (block_name, number, transformer_index)
    told = model_options.get("transformer_options", {})
    replaced = told.get("patches_replace", {})
    replaced = {**replaced, name: {**replaced.get(name, {}), place: patch}}
    return {**model_options, "transformer_options": {**told, "patches_replace": replaced}}


def outwards(value: Any) -> Any:
    """Return a model of ours as packs hold it, with what packs before put on it; anything else as it is."""
    if not isinstance(value, DiffusionModel):
        return value
    settings = value.options.get(_SETTINGS)
    if not isinstance(settings, Settings):
        return HostModel(value)
    return HostModel(_without(value, settings), _copied(settings.options))


def inwards(value: Any) -> Any:
    """Return the model of ours that a pack's holder stands for, with its settings as patches and guidance."""
    if not isinstance(value, HostModel):
        return value
    model, options = value.host, value.model_options
    if value.object_patches:
        model = model.with_prediction(prediction_of(value.object_patches["model_sampling"], model.prediction))
    if options.keys() <= {"transformer_options"} and not options.get("transformer_options"):
        return model
    options = _copied(options)
    patches = patches_of(options, model.prediction, model.latent_format.channels)
    before = guidance_of(model)
    after = guidance_with(before, options, value.model)
    settings = Settings(options, patches, before, after)
    return model.with_patches(patches).with_options(guidance=after, **{_SETTINGS: settings})


def _without(model: DiffusionModel, settings: Settings) -> DiffusionModel:
    """Return a model before the settings were put on it, with whatever our own nodes have put on it since."""
    from dataclasses import replace

    kept = {}
    for field in fields(Patches):
        theirs = list(getattr(settings.patches, field.name))
        kept[field.name] = tuple(patch for patch in getattr(model.patches, field.name) if not _taken(patch, theirs))
    options = {name: option for name, option in model.options.items() if name != _SETTINGS}
    if guidance_of(model) is settings.after:
        options["guidance"] = settings.before
    plain = replace(model, patches=Patches(**kept), options=options)
    object.__setattr__(plain, "network", model.network)
    return plain


def _taken(patch: object, patches: list[object]) -> bool:
    """Take a patch out of a list, once; return whether it was there."""
    there = patch in patches
    if there:
        patches.remove(patch)
    return there


def _copied(options: dict[str, Any]) -> dict[str, Any]:
    """Return settings whose dictionaries and lists are their own; functions and tensors are the same."""
    return {
        name: _copied(option) if isinstance(option, dict) else copy.copy(option) if isinstance(option, list) else option
        for name, option in options.items()
    }
