"""Load models from files: headers at once, weights when a part is first used."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from inhouse.errors import ModelMismatchError, ModelUnsupportedError
from inhouse.models.detection import detect, unsupported
from inhouse.models.formats import open_model
from inhouse.packs.diffusion.assembly import Checkpoint, Placement, build_vae
from inhouse.packs.diffusion.families import flux, refiner, sd1, sd2, sd3, sdxl
from inhouse.packs.diffusion.families.encoders import ENCODERS, SETS, EncoderSet
from inhouse.packs.diffusion.layouts import read_components
from inhouse.packs.diffusion.lora_file import Lora
from inhouse.packs.diffusion.text_model import TextModels
from inhouse.packs.diffusion.unet import DiffusionModel
from inhouse.packs.diffusion.vae import Vae
from inhouse.packs.diffusion.weights import read_all, shapes

if TYPE_CHECKING:
    from inhouse.packs.diffusion.families.encoders import Habits
    from inhouse.packs.diffusion.layouts import Components
    from inhouse.packs.diffusion.text_model import TextPart
    from inhouse.packs.diffusion.weights import Weights

FAMILIES = (sd1.FAMILY, sd2.FAMILY, sdxl.FAMILY, refiner.FAMILY, sd3.FAMILY, flux.FAMILY)
"""What can be loaded, the first that matches wins. Another family is a module of its own and a row here."""

_DEFAULT = Placement()


def load_checkpoint(path: Path, placement: Placement = _DEFAULT) -> Checkpoint:
    """Load a checkpoint file or a diffusers folder.

    Raises:
        ModelError: it is missing, damaged, a pickle, or of a family that is not supported.

    """
    components = read_components(path)
    family = detect(shapes(components.unet), FAMILIES)
    if family is None:
        raise unsupported(components.source, "a checkpoint of a family that is supported", shapes(components.tensors))
    return family.build(components, placement)


def load_diffusion_model(path: Path, placement: Placement = _DEFAULT) -> DiffusionModel:
    """Load a denoising network, from a file of its own or out of a checkpoint; raises as `load_checkpoint`."""
    return load_checkpoint(path, placement).model


def load_text_models(
    paths: Sequence[Path], placement: Placement = _DEFAULT, *, kind: str = "stable_diffusion"
) -> TextModels:
    """Load the text models of a family, from files of their own or out of checkpoints.

    Args:
        paths: the files, in any order.
        placement: where they compute.
        kind: a row of `SETS`: the family that they are for.

    Raises:
        ModelMismatchError: the family has no such text model, or has it once.
        ModelError: one is missing, damaged, a pickle, or no text model that is supported.

    """
    if kind not in SETS:
        names = ", ".join(SETS)
        raise ModelUnsupportedError(
            f"Text encoders of the type {kind!r} are not supported.", hint=f"There are: {names}."
        )
    family = SETS[kind]
    parts: dict[str, TextPart] = {}
    for path in paths:
        components = read_components(path)
        if not components.texts:
            raise unsupported(components.source, "a text encoder", shapes(components.tensors))
        for weights in components.texts.values():
            found = _text_model(components, weights, family, kind)
            if found.part in parts:
                raise ModelMismatchError(
                    f"{components.source} holds a text encoder that another file has brought already.",
                    hint=f"{family.title} needs different ones: {_titles(family)}.",
                )
            parts[found.part] = found.build(weights, placement)
    return TextModels(MappingProxyType(parts), family.joiner)


def _text_model(components: Components, weights: Weights, family: EncoderSet, kind: str) -> Habits:
    encoder = detect(shapes(weights), ENCODERS)
    if encoder is None:
        raise unsupported(components.source, "a text encoder that is supported", shapes(components.tensors))
    if encoder.name not in family.habits:
        raise ModelMismatchError(
            f"{components.source} is {encoder.title}, and {family.title} (type {kind!r}) has no such text encoder.",
            hint=f"It takes {_titles(family)}. Choose another file or another type.",
        )
    return family.habits[encoder.name](weights)


def _titles(family: EncoderSet) -> str:
    return " and ".join(encoder.title for encoder in ENCODERS if encoder.name in family.habits)


def load_vae(path: Path, placement: Placement = _DEFAULT) -> Vae:
    """Load an autoencoder, from a file of its own or out of a checkpoint.

    Raises:
        ModelError: it is missing, damaged, a pickle, or no autoencoder.

    """
    components = read_components(path)
    if not components.vae:
        raise unsupported(components.source, "a VAE", shapes(components.tensors))
    return build_vae(components.vae, placement)


def load_lora(path: Path) -> Lora:
    """Read a LoRA file whole; put it on a model with `inhouse.packs.diffusion.lora.apply_lora`.

    Raises:
        ModelError: it is missing, damaged, a pickle, or no LoRA.

    """
    return Lora.from_tensors(path.name, read_all(open_model(path)))
