"""LoRAs on models: small changes to weights, put on a copy of the layers that they touch."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol, Self, TypeAlias, TypeVar

import torch

from inhouse.errors import ModelMismatchError
from inhouse.packs.diffusion.rows import WHOLE, Rows
from inhouse.packs.diffusion.twins import twin

if TYPE_CHECKING:
    from torch import nn

    from inhouse.packs.diffusion.adapters import Change
    from inhouse.packs.diffusion.lora_file import Lora, Place
    from inhouse.packs.diffusion.unet import DiffusionModel

    N = TypeVar("N", bound=nn.Module)

_log = logging.getLogger(__name__)
_LISTED = 10
_TEXT_PREFIXES = ("lora_te", "text_encoder")


@dataclass(frozen=True, slots=True)
class Target:
    """A layer that a LoRA may name, or a part of one.

    Attributes:
        path: its name in the network.
        shape: the shape of the weight that goes by the name in the LoRA file.
        rows: which rows of that weight are this layer's.

    """

    path: str
    shape: tuple[int, ...]
    rows: Rows = WHOLE


Targets: TypeAlias = Mapping[str, tuple[Target, ...]]
"""Every name by which LoRA files call a network's layers -> the layer, or the layers that it is split into."""

Fitting: TypeAlias = "Mapping[Place, tuple[Target, ...]]"
"""A LoRA's changes that are meant for a network -> the layers that they fit; none for one that does not fit."""


@dataclass(frozen=True)
class LoraApplication:
    """What a LoRA changes in one network.

    Attributes:
        parameters: the parameter's name in the network -> what becomes of it.
        strength: a factor on the change; any number, 0 for none.
        rows: the parameters that take only some rows of the change -> which.

    """

    parameters: Mapping[str, Change]
    strength: float
    rows: Mapping[str, Rows] = field(default_factory=dict)


class Adaptable(Protocol):
    """A text model, or several of them as one."""

    @property
    def targets(self) -> Targets:
        """The layers that a LoRA may name."""

    def with_lora(self, lora: LoraApplication) -> Self:
        """Return it with one more LoRA on it."""


C = TypeVar("C", bound=Adaptable)


def apply_lora(
    model: DiffusionModel | None, clip: C | None, lora: Lora, strength_model: float, strength_clip: float
) -> tuple[DiffusionModel | None, C | None]:
    """Return model and text model with a LoRA on them; those given stay as they are.

    What does not fit is counted and named in a warning. At a strength of 0 nothing is asked of a LoRA.

    Raises:
        ModelMismatchError: it is made for another family of models; nothing of it would do what it was trained to.

    """
    for_model = _fitting(lora, model.targets, text=False) if model and strength_model else {}
    for_clip = _fitting(lora, clip.targets, text=True) if clip and strength_clip else {}
    _refuse_strangers(lora, model, for_model, for_clip)
    _report(lora, for_model, for_clip)
    if model and any(for_model.values()):
        model = model.with_lora(_application(lora, for_model, strength_model))
    if clip and any(for_clip.values()):
        clip = clip.with_lora(_application(lora, for_clip, strength_clip))
    return model, clip


def _fitting(lora: Lora, targets: Targets, *, text: bool) -> Fitting:
    """Return the changes that are meant for a network -> the layers there that they fit, none where they do not."""
    fitting = {}
    for place, change in lora.changes.items():
        layers = targets.get(place.layer, ())
        if layers or place.layer.startswith(_TEXT_PREFIXES) == text:
            shape = layers[0].shape if layers else ()
            shape = shape if place.parameter == "weight" else shape[:1]
            fits = layers and change.fits(shape, whole=all(layer.rows.whole for layer in layers))
            fitting[place] = layers if fits else ()
    return fitting


def _refuse_strangers(lora: Lora, model: DiffusionModel | None, for_model: Fitting, for_clip: Fitting) -> None:
    """Raise an error if a LoRA is for another family: nothing fits, or it expects a conditioning of another width."""
    from inhouse.packs.diffusion.lora_family import conditioning_widths, family_title, made_for

    asked = for_model or for_clip
    widths = conditioning_widths(lora)
    strange = model is not None and bool(for_model) and bool(widths) and model.context_width not in widths
    if (any(asked.values()) and not strange) or not asked:
        return
    wanted = made_for(lora) or "another family of models"
    present = (model and family_title(model.targets, model.context_width)) or "another"
    left = [place.layer for place, layers in asked.items() if not layers]
    raise ModelMismatchError(
        f"LoRA {lora.name} seems to be made for {wanted}; the model is {present}. "
        f"{len(left)} of its {len(asked)} changes do not fit, for one {', '.join(left[:3])}.",
        hint="Choose a LoRA that was trained on this family of models, or the model that it was trained on.",
    )


def _application(lora: Lora, fitting: Fitting, strength: float) -> LoraApplication:
    placed = [(f"{layer.path}.{place.parameter}", place, layer) for place in fitting for layer in fitting[place]]
    return LoraApplication(
        parameters={name: lora.changes[place] for name, place, _ in placed},
        strength=strength,
        rows={name: layer.rows for name, _, layer in placed if not layer.rows.whole},
    )


def _report(lora: Lora, *networks: Fitting) -> None:
    """Say what of a LoRA is applied, and warn of what is not."""
    for name, fitting in zip(("model", "text model"), networks, strict=True):
        fit = [place.layer for place, layers in fitting.items() if layers]
        if fitting:
            _log.info(
                "LoRA %s changes %d of %d parameters of the %s: %s", lora.name, len(fit), len(fitting), name, _few(fit)
            )
    left = [place.layer for fitting in networks for place, layers in fitting.items() if not layers]
    if left := [*left, *lora.unknown]:
        total = len(lora.changes) + len(lora.unknown)
        _log.warning(
            "LoRA %s: %d of %d parts do not fit and were left out: %s", lora.name, len(left), total, _few(left)
        )


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:_LISTED]) + (", ..." if len(names) > _LISTED else "")


def patched(network: N, *, loras: Sequence[LoraApplication], rounded: torch.dtype | None = None) -> N:
    """Return a copy of a network with LoRAs on it, which shares all parameters that they do not touch.

    A change that is of low rank lies beside the weight where that is cheap (`inhouse.packs.diffusion.beside`); others
    make a copy of it.

    Args:
        network: stays as it is.
        loras: put on in order.
        rounded: a type that each changed parameter is rounded to, as if it had been stored in it.

    """
    names = list(dict.fromkeys(name for lora in loras for name in lora.parameters))
    clone = twin(network, (name.rpartition(".")[0] for name in names))
    for name in names:
        owner, _, leaf = name.rpartition(".")
        layer = clone.get_submodule(owner)
        uses = [lora for lora in loras if name in lora.parameters]
        if leaf == "weight" and rounded is None and _beside(layer, name, uses):
            continue
        original = network.get_parameter(name)
        value = original.float()
        for lora in uses:
            value = lora.parameters[name].apply(value, lora.strength, lora.rows.get(name, WHOLE))
        value = value.to(rounded or original.dtype).to(original.dtype)
        setattr(layer, leaf, torch.nn.Parameter(value, requires_grad=False))
    return clone


def _beside(layer: nn.Module, name: str, loras: Sequence[LoraApplication]) -> bool:
    """Put all changes of a weight beside it, if they can be and that is cheap; return whether they are."""
    from inhouse.packs.diffusion.beside import put_beside, takes, worth_it

    pairs = [lora.parameters[name].low_rank(lora.rows.get(name, WHOLE)) for lora in loras]
    found = [pair for pair in pairs if pair is not None]
    weight = layer.weight
    assert isinstance(weight, torch.Tensor)
    rank = sum(down.shape[0] for _, down in found)
    if len(found) < len(pairs) or not takes(layer) or not worth_it(weight.shape, rank):
        return False
    dtype = weight.dtype if weight.dtype.itemsize > 1 else torch.float32
    for lora, (up, down) in zip(loras, found, strict=True):
        scaled = up.to(weight.device, torch.float32) * (lora.strength * lora.parameters[name].scale)
        kernel = down.to(weight.device, dtype).reshape(-1, *weight.shape[1:])
        put_beside(layer, scaled.to(dtype), kernel)
    return True


def unet_targets(layers: Mapping[str, tuple[int, ...]], prefixes: Mapping[str, str]) -> Targets:
    """Return the names of a UNet's layers.

    Args:
        layers: layer -> its weight's shape.
        prefixes: diffusers' names of blocks -> ours, of `inhouse.packs.diffusion.names`.

    """
    from inhouse.packs.diffusion.names import diffusers_unet_name

    targets = {}
    inverse = {ours: theirs for theirs, ours in prefixes.items()}
    for path, shape in layers.items():
        target = (Target(path, shape),)
        other = diffusers_unet_name(path, inverse)
        names = [f"diffusion_model.{path}", f"lora_unet_{path.replace('.', '_')}"]
        if other:
            flat = other.replace(".", "_")
            names += [f"unet.{other}", f"base_model.model.{other}", f"lora_unet_{flat}", f"lycoris_{flat}", other]
        targets.update(dict.fromkeys(names, target))
    return MappingProxyType(targets)


def text_targets(layers: Mapping[str, tuple[int, ...]], prefixes: Sequence[str]) -> Targets:
    """Return the names of a text model's layers.

    Args:
        layers: layer -> its weight's shape.
        prefixes: what LoRA files call this encoder; ends in an underscore (``lora_te_``) or a dot (``text_encoder.``).

    """
    return MappingProxyType(
        {
            prefix + (path if prefix.endswith(".") else path.replace(".", "_")): (Target(path, shape),)
            for path, shape in layers.items()
            for prefix in prefixes
        }
    )
