"""Which family a model belongs to, told from the names and shapes of its tensors alone.

Families are rows of a table that whoever supports them passes in; `describe` knows what else is about, so that a file
that cannot be used as what it was chosen for is at least called by its name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

from inhouse.errors import ModelUnsupportedError

Shapes: TypeAlias = Mapping[str, tuple[int, ...]]
"""Tensor name -> shape."""

B = TypeVar("B")


@dataclass(frozen=True, slots=True)
class Family(Generic[B]):
    """A family of models.

    Attributes:
        name: short and stable, such as ``sd1``.
        title: as people call it.
        matches: whether tensors of these names and shapes belong to it.
        build: makes what the supporter of the family needs of it.

    """

    name: str
    title: str
    matches: Callable[[Shapes], bool]
    build: B


def detect(shapes: Shapes, families: Sequence[Family[B]]) -> Family[B] | None:
    """Return the first family that matches, None where none does."""
    return next((family for family in families if family.matches(shapes)), None)


@dataclass(frozen=True, slots=True)
class Sort:
    """A sort of file that can be told from a few fragments of its tensors' names.

    Attributes:
        title: with its article.
        fragments: each must occur in some name.
        advice: what it is loaded with.

    """

    title: str
    fragments: tuple[str, ...]
    advice: str


_CHECKPOINT = "Load it with CheckpointLoaderSimple or UNETLoader; what those refuse is not supported."
SORTS = (
    Sort("a LoRA", (".lora_down.",), "Load it with LoraLoader."),
    Sort("a LoRA", (".lora_A",), "Load it with LoraLoader."),
    Sort("a LoRA", ("lora.down.weight",), "Load it with LoraLoader."),
    Sort("a LoHa or LoKr", (".hada_w1",), "Load it with LoraLoader."),
    Sort("a LoHa or LoKr", (".lokr_w",), "Load it with LoraLoader."),
    Sort("a ControlNet", ("input_hint_block.",), "Load it with ControlNetLoader."),
    Sort("a ControlNet", ("controlnet_cond_embedding.",), "Load it with ControlNetLoader."),
    Sort("a textual inversion", ("emb_params",), "Put it among the embeddings and name it in a prompt."),
    Sort("an SDXL checkpoint", ("conditioner.embedders.1.",), _CHECKPOINT),
    Sort("an SDXL refiner checkpoint", ("conditioner.embedders.0.model.",), _CHECKPOINT),
    Sort("an SDXL diffusion model", ("label_emb.",), _CHECKPOINT),
    Sort("an SDXL diffusion model", ("add_embedding.linear_1",), _CHECKPOINT),
    Sort("a Stable Diffusion 3 model", ("joint_blocks.0.context_block",), _CHECKPOINT),
    Sort("a Flux model", ("double_blocks.0.img_attn",), _CHECKPOINT),
    Sort("a PixArt or DiT model", ("blocks.0.scale_shift_table",), _CHECKPOINT),
    Sort("a diffusion model of an unknown family", ("input_blocks.0.0.weight", "middle_block."), _CHECKPOINT),
    Sort("a diffusion model of an unknown family", ("down_blocks.0.resnets", "time_embedding."), _CHECKPOINT),
    Sort("a CLIP vision model", ("vision_model.",), "Load it with CLIPVisionLoader."),
    Sort("a T5 text encoder", ("encoder.block.0.layer.0.SelfAttention",), "Load it with CLIPLoader."),
    Sort("a text encoder", ("text_model.encoder.layers.0",), "Load it with CLIPLoader."),
    Sort("a text encoder", ("transformer.resblocks.0",), "Load it with CLIPLoader."),
    Sort("a VAE", ("decoder.conv_in.weight",), "Load it with VAELoader."),
    Sort("an upscale model", ("body.0.rdb1",), "Load it with UpscaleModelLoader."),
    Sort("an upscale model", ("model.1.sub.0.",), "Load it with UpscaleModelLoader."),
)
"""What is about, the more telling fragments first."""


def sort_of(names: Shapes) -> Sort | None:
    """Return what sort of file has tensors of these names, None where nothing is known of it."""
    return next((sort for sort in SORTS if all(any(part in name for name in names) for part in sort.fragments)), None)


def unsupported(source: str, wanted: str, names: Shapes) -> ModelUnsupportedError:
    """Return the error for a sound file that is not what it was chosen for.

    Args:
        source: the file's name.
        wanted: what was looked for, with its article.
        names: the file's tensors.

    """
    sort = sort_of(names)
    if sort:
        return ModelUnsupportedError(f"{source} looks like {sort.title}, not {wanted}.", hint=sort.advice)
    few = ", ".join(repr(name) for name in list(names)[:3]) or "nothing"
    return ModelUnsupportedError(
        f"{source} is not {wanted}: its {len(names)} tensors ({few}, ...) belong to nothing that is known here.",
        hint="Choose another file.",
    )
