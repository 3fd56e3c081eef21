"""Nodes that encode prompts for families with more than one text encoder, or with more to be told than a text."""

from __future__ import annotations

from typing import Annotated, Literal

from inhouse import Choices, Range, Widget, node
from inhouse.packs.diffusion.text.encoder import needed
from inhouse.packs.diffusion.wires import Clip, Conditioning

Prompt = Annotated[str, Widget({"multiline": True, "dynamicPrompts": True})]
Side = Annotated[int, Range(0, 16384)]


@node("CLIPTextEncodeSDXL", category="advanced/conditioning")
def encode_sdxl(
    *,
    clip: Clip | None,
    width: Side = 1024,
    height: Side = 1024,
    crop_w: Side = 0,
    crop_h: Side = 0,
    target_width: Side = 1024,
    target_height: Side = 1024,
    text_g: Prompt,
    text_l: Prompt,
) -> Conditioning:
    """Encode a prompt for each text encoder of SDXL, and say from what size the picture is to look scaled and cut."""
    return needed(clip).encode_each(
        {"g": text_g, "l": text_l},
        width=width,
        height=height,
        crop_w=crop_w,
        crop_h=crop_h,
        target_width=target_width,
        target_height=target_height,
    )


@node("CLIPTextEncodeSDXLRefiner", category="advanced/conditioning")
def encode_sdxl_refiner(
    *,
    ascore: Annotated[float, Range(0, 1000, step=0.01)] = 6.0,
    width: Side = 1024,
    height: Side = 1024,
    text: Prompt,
    clip: Clip | None,
) -> Conditioning:
    """Encode a prompt for SDXL's refiner, and say how well the picture is to be liked, on a scale of 0 to 10."""
    return needed(clip).encode(text, aesthetic_score=ascore, width=width, height=height)


@node("CLIPTextEncodeSD3", category="advanced/conditioning")
def encode_sd3(
    *,
    clip: Clip | None,
    clip_l: Prompt,
    clip_g: Prompt,
    t5xxl: Prompt,
    empty_padding: Annotated[Literal["none", "empty_prompt"], Choices(("none", "empty_prompt"))],
) -> Conditioning:
    """Encode a prompt for each text encoder of Stable Diffusion 3; without padding, an empty one says nothing."""
    prompts = {"l": clip_l, "g": clip_g, "t5xxl": t5xxl}
    if empty_padding == "none":
        prompts = {name: prompt for name, prompt in prompts.items() if prompt}
    return needed(clip).encode_each(prompts)


@node("CLIPTextEncodeFlux", category="advanced/conditioning/flux")
def encode_flux(
    *,
    clip: Clip | None,
    clip_l: Prompt,
    t5xxl: Prompt,
    guidance: Annotated[float, Range(0, 100, step=0.1)] = 3.5,
) -> Conditioning:
    """Encode a prompt for each text encoder of Flux.1, and say how closely the picture is to follow it."""
    return needed(clip).encode_each({"l": clip_l, "t5xxl": t5xxl}, guidance=guidance)


NODES = [encode_sdxl, encode_sdxl_refiner, encode_sd3, encode_flux]
