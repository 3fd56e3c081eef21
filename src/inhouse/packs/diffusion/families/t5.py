"""T5-XXL as families have it: what it is filled up to, what LoRA files call it, where its tokenizer lies."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from inhouse.errors import ModelUnsupportedError
from inhouse.packs.diffusion.assembly import handle_of, layer_shapes, read_spec
from inhouse.packs.diffusion.lora import text_targets
from inhouse.packs.diffusion.networks.t5 import T5Spec, T5Transformer
from inhouse.packs.diffusion.text.t5 import NAME, T5Model
from inhouse.packs.diffusion.text.t5_tokenizer import find_tokenizer

if TYPE_CHECKING:
    from inhouse.models.detection import Shapes
    from inhouse.packs.diffusion.assembly import Placement
    from inhouse.packs.diffusion.weights import Origin, Weights

_TABLE, _OTHER_TABLE = "shared.weight", "encoder.embed_tokens.weight"


@dataclass(frozen=True, slots=True)
class T5Habits:
    """What a family knows of T5 that the weights do not tell.

    Attributes:
        shortest: tokens that a prompt is filled up to.
        prefixes: how LoRA files call it.

    """

    shortest: int
    prefixes: tuple[str, ...]

    @property
    def part(self) -> str:
        """Its short name among a family's encoders."""
        return NAME

    def build(self, weights: Weights, placement: Placement) -> T5Model:
        """Return the text model; its weights are read when it is first asked.

        It computes in the type that is asked for, being as large as the denoising network, but for float16, whose
        range its hidden states leave.

        Raises:
            ModelFormatError: a part of the network is missing.
            ModelUnsupportedError: its weights are stored as products.

        """
        import torch

        named = _with_table(weights)
        spec = read_spec(named, T5Spec.from_shapes)
        dtype = torch.bfloat16 if placement.dtype == torch.float16 else placement.dtype
        return T5Model(
            base=handle_of(lambda: T5Transformer(spec), named, replace(placement, dtype=dtype, rounded=None)),
            spec=spec,
            targets=text_targets(layer_shapes(named), self.prefixes),
            shortest=self.shortest,
            tokenizer=find_tokenizer(next(iter(named.values())).file.path),
            dtype=dtype,
            device=placement.device,
        )


def _with_table(weights: Weights) -> dict[str, Origin]:
    """Return the weights with the table of tokens under its first name, of which some files have only the second."""
    named = dict(weights)
    if _TABLE not in named and _OTHER_TABLE in named:
        named[_TABLE] = named[_OTHER_TABLE]
    if scaled := next((name for name in named if name.endswith(".scale_weight")), None):
        raise ModelUnsupportedError(
            f"{named[scaled].file.path.name}: its weights are 8-bit numbers with a scale beside ({scaled!r}).",
            hint="Use the file in float16, or in plain float8 without scales.",
        )
    return named


def is_t5(shapes: Shapes) -> bool:
    """Whether it is T5's encoder."""
    return "encoder.block.0.layer.0.SelfAttention.q.weight" in shapes


T5_OF_SD3 = T5Habits(77, ("lora_te3_", "text_encoder_3."))
T5_OF_FLUX = T5Habits(256, ("lora_te2_", "text_encoder_2."))
