"""Load models from files: headers at once, weights when a part is first used."""

from __future__ import annotations

from pathlib import Path

from inhouse.models.detection import detect, unsupported
from inhouse.models.formats import open_model
from inhouse.packs.diffusion.assembly import Checkpoint, Placement, build_text_model, build_vae
from inhouse.packs.diffusion.families import sd1, sd2
from inhouse.packs.diffusion.families.encoders import ENCODERS
from inhouse.packs.diffusion.layouts import read_components
from inhouse.packs.diffusion.lora_file import Lora
from inhouse.packs.diffusion.text_model import TextModel
from inhouse.packs.diffusion.unet import DiffusionModel
from inhouse.packs.diffusion.vae import Vae
from inhouse.packs.diffusion.weights import read_all, shapes

FAMILIES = (sd1.FAMILY, sd2.FAMILY)
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
        raise unsupported(components.source, "a Stable Diffusion 1 or 2 checkpoint", shapes(components.tensors))
    return family.build(components, placement)


def load_diffusion_model(path: Path, placement: Placement = _DEFAULT) -> DiffusionModel:
    """Load a denoising network, from a file of its own or out of a checkpoint; raises as `load_checkpoint`."""
    return load_checkpoint(path, placement).model


def load_text_model(path: Path, placement: Placement = _DEFAULT) -> TextModel:
    """Load a text model, from a file of its own or out of a checkpoint.

    Raises:
        ModelError: it is missing, damaged, a pickle, or no text model that is supported.

    """
    components = read_components(path)
    encoder = detect(shapes(components.text), ENCODERS)
    if encoder is None:
        raise unsupported(components.source, "a CLIP text model of Stable Diffusion 1 or 2", shapes(components.tensors))
    return build_text_model(components.text, encoder.build, placement)


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
