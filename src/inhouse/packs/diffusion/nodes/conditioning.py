"""Nodes that make and mix conditioning."""

from __future__ import annotations

from typing import Annotated, Literal

from inhouse import Choices, Mask, Range, Widget, node
from inhouse.packs.diffusion.text.encoder import needed
from inhouse.packs.diffusion.wires import Clip, Conditioning

Pixels = Annotated[int, Range(0, 16384, step=8)]
Share = Annotated[float, Range(0, 1, step=0.01)]
Strength = Annotated[float, Range(0, 10, step=0.01)]
Percent = Annotated[float, Range(0, 1, step=0.001)]


@node("CLIPTextEncode", category="conditioning", display_name="CLIP Text Encode (Prompt)")
def encode_text(
    *, text: Annotated[str, Widget({"multiline": True, "dynamicPrompts": True})], clip: Clip | None
) -> Conditioning:
    """Encode a prompt; ``(word:1.3)`` weighs a word, ``embedding:name`` names a textual inversion."""
    return needed(clip).encode(text)


@node("ConditioningCombine", category="conditioning", display_name="Conditioning (Combine)")
def combine(*, conditioning_1: Conditioning, conditioning_2: Conditioning) -> Conditioning:
    """Let two conditionings act side by side, averaged where both apply."""
    from inhouse.packs.diffusion import conditioning

    return conditioning.combine(conditioning_1, conditioning_2)


@node("ConditioningConcat", category="conditioning", display_name="Conditioning (Concat)")
def concat(*, conditioning_to: Conditioning, conditioning_from: Conditioning) -> Conditioning:
    """Append the tokens of one conditioning to another's."""
    from inhouse.packs.diffusion import conditioning

    return conditioning.concat(conditioning_to, conditioning_from)


@node("ConditioningAverage", category="conditioning")
def average(
    *, conditioning_to: Conditioning, conditioning_from: Conditioning, conditioning_to_strength: Share = 1.0
) -> Conditioning:
    """Mix two conditionings token by token; 1 is all ``conditioning_to``."""
    from inhouse.packs.diffusion import conditioning

    return conditioning.average(conditioning_to, conditioning_from, conditioning_to_strength)


@node("ConditioningSetArea", category="conditioning", display_name="Conditioning (Set Area)")
def set_area(
    *,
    conditioning: Conditioning,
    width: Annotated[int, Range(64, 16384, step=8)] = 64,
    height: Annotated[int, Range(64, 16384, step=8)] = 64,
    x: Pixels = 0,
    y: Pixels = 0,
    strength: Strength = 1.0,
) -> Conditioning:
    """Limit a conditioning to a rectangle, in pixels."""
    from inhouse.packs.diffusion.conditioning import set_area as limit

    return limit(conditioning, width=width, height=height, x=x, y=y, strength=strength)


@node(
    "ConditioningSetAreaPercentage",
    category="conditioning",
    display_name="Conditioning (Set Area with Percentage)",
)
def set_area_percentage(
    *,
    conditioning: Conditioning,
    width: Share = 1.0,
    height: Share = 1.0,
    x: Share = 0,
    y: Share = 0,
    strength: Strength = 1.0,
) -> Conditioning:
    """Limit a conditioning to a rectangle, in shares of the picture."""
    from inhouse.packs.diffusion.conditioning import set_area_percentage as limit

    return limit(conditioning, width=width, height=height, x=x, y=y, strength=strength)


@node("ConditioningSetMask", category="conditioning", display_name="Conditioning (Set Mask)")
def set_mask(
    *,
    conditioning: Conditioning,
    mask: Mask,
    strength: Strength = 1.0,
    set_cond_area: Annotated[Literal["default", "mask bounds"], Choices(("default", "mask bounds"))],
) -> Conditioning:
    """Limit a conditioning to a mask."""
    from inhouse.packs.diffusion.conditioning import set_mask as limit

    return limit(conditioning, mask, strength=strength, area=set_cond_area)


@node("ConditioningSetTimestepRange", category="advanced/conditioning")
def set_timestep_range(*, conditioning: Conditioning, start: Percent = 0.0, end: Percent = 1.0) -> Conditioning:
    """Limit a conditioning to a part of the sampling, 0 (pure noise) to 1 (done)."""
    from inhouse.packs.diffusion.conditioning import set_timestep_range as limit

    return limit(conditioning, start, end)


@node("ConditioningZeroOut", category="advanced/conditioning")
def zero_out(*, conditioning: Conditioning) -> Conditioning:
    """Replace a conditioning's tokens by zeros."""
    from inhouse.packs.diffusion.conditioning import zero_out as zero

    return zero(conditioning)


NODES = [
    encode_text,
    combine,
    concat,
    average,
    set_area,
    set_area_percentage,
    set_mask,
    set_timestep_range,
    zero_out,
]
