"""Nodes that change how a model's predictions are combined."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from inhouse import Output, Range, Widget, node
from inhouse.packs.diffusion.wires import Conditioning, Model

if TYPE_CHECKING:
    from inhouse.packs.diffusion.unet import DiffusionModel

EXPERIMENTAL = {"experimental": True}
Guided = Annotated[Model, Output("patched_model")]


@node("RescaleCFG", category="advanced/model")
def rescale(*, model: Model, multiplier: Annotated[float, Range(0, 1, step=0.01)] = 0.7) -> Model:
    """Hold the contrast down that guidance raises."""
    from inhouse.packs.diffusion.guidance_variants import rescaled

    return _changed(model, combine=rescaled(multiplier))


@node("PerturbedAttentionGuidance", category="model_patches/unet")
def perturbed_attention(*, model: Model, scale: Annotated[float, Range(0, 100, step=0.01, round=0.01)] = 3.0) -> Model:
    """Guide away from what the network predicts when its middle sees no other place."""
    from inhouse.packs.diffusion.guidance_variants import perturbed_attention as guidance

    return _changed(model, adjust=guidance(scale))


@node("SelfAttentionGuidance", category="_for_testing", display_name="Self-Attention Guidance", flags=EXPERIMENTAL)
def self_attention(
    *,
    model: Model,
    scale: Annotated[float, Range(-2, 5, step=0.01)] = 0.5,
    blur_sigma: Annotated[float, Range(0, 10, step=0.1)] = 2.0,
) -> Model:
    """Guide away from what the network predicts of a picture blurred where it looks most."""
    from inhouse.packs.diffusion.self_attention_guidance import self_attention_guidance

    return _changed(model, adjust=self_attention_guidance(scale, blur_sigma), always_negative=True)


@node(
    "PerpNeg",
    category="_for_testing",
    display_name="Perp-Neg (DEPRECATED by PerpNegGuider)",
    flags={"experimental": True, "deprecated": True},
)
def perp_neg(
    *, model: Model, empty_conditioning: Conditioning, neg_scale: Annotated[float, Range(0, 100, step=0.01)] = 1.0
) -> Model:
    """Leave out what the negative prompt says, unless the positive one says it too."""
    from inhouse.packs.diffusion.guiders import with_perp_neg

    return with_perp_neg(model, empty_conditioning, neg_scale)


@node("CFGZeroStar", category="advanced/guidance")
def zero_star(*, model: Model) -> Guided:
    """Guide from as much of the negative direction as lies along the positive one."""
    from inhouse.packs.diffusion import guidance_shapes

    return _changed(model, combine=guidance_shapes.zero_star)


@node("CFGNorm", category="advanced/guidance", flags=EXPERIMENTAL)
def norm(*, model: Model, strength: Annotated[float, Range(0, 100, step=0.01)] = 1.0) -> Guided:
    """Let guidance make no place stronger than the positive prediction has it."""
    from inhouse.packs.diffusion import guidance_shapes

    return _changed(model, adjust=guidance_shapes.normalised(strength))


@node("TCFG", category="advanced/guidance", display_name="Tangential Damping CFG")
def tangential(*, model: Model) -> Guided:
    """Keep of the negative direction only what it has in common with the positive one."""
    from inhouse.packs.diffusion import guidance_shapes

    return _changed(model, prepare=guidance_shapes.tangential_damping)


@node("APG", category="sampling/custom_sampling", display_name="Adaptive Projected Guidance")
def projected(
    *,
    model: Model,
    eta: Annotated[float, Range(-10, 10, step=0.01)] = 1.0,
    norm_threshold: Annotated[float, Range(0, 50, step=0.1)] = 5.0,
    momentum: Annotated[float, Range(-5, 1, step=0.01)] = 0.0,
) -> Model:
    """Guide without oversaturation: limit the change, and weigh its part along the prediction."""
    from inhouse.packs.diffusion import guidance_shapes

    return _changed(model, combine=guidance_shapes.projected(eta, norm_threshold, momentum))


@node("RenormCFG", category="advanced/model")
def renorm(
    *,
    model: Model,
    cfg_trunc: Annotated[float, Range(0, 100, step=0.01)] = 100,
    renorm_cfg: Annotated[float, Range(0, 100, step=0.01)] = 1.0,
) -> Model:
    """Guide below a noise level only, and no further than a multiple of the positive direction."""
    from inhouse.packs.diffusion import guidance_shapes

    return _changed(model, combine=guidance_shapes.renormalised(cfg_trunc, renorm_cfg))


@node("Epsilon Scaling", category="model_patches/unet")
def epsilon_scaling(
    *,
    model: Model,
    scaling_factor: Annotated[float, Range(0.5, 1.5, step=0.001), Widget({"display": "number"})] = 1.005,
) -> Model:
    """Take the noise for a little less than the network says."""
    from inhouse.packs.diffusion import guidance_shapes

    return _changed(model, adjust=guidance_shapes.epsilon_scaled(scaling_factor))


@node("FreSca", category="_for_testing", flags=EXPERIMENTAL)
def frequencies(
    *,
    model: Model,
    scale_low: Annotated[float, Range(0, 10, step=0.01)] = 1.0,
    scale_high: Annotated[float, Range(0, 10, step=0.01)] = 1.25,
    freq_cutoff: Annotated[int, Range(1, 10_000, step=1)] = 20,
) -> Model:
    """Weigh the low and the high frequencies of what guidance adds."""
    from inhouse.packs.diffusion import guidance_shapes

    return _changed(model, prepare=guidance_shapes.frequencies(scale_low, scale_high, freq_cutoff))


def _changed(model: DiffusionModel, *, always_negative: bool = False, **change: Any) -> DiffusionModel:
    """Return a model with a change of its guidance: another way to combine, or one more before or after."""
    from dataclasses import replace

    from inhouse.packs.diffusion.guidance import guidance_of

    old = guidance_of(model)
    new: dict[str, Any] = {
        name: part if name == "combine" else (*getattr(old, name), part) for name, part in change.items()
    }
    return model.with_options(guidance=replace(old, **new, always_negative=always_negative or old.always_negative))


NODES = [
    rescale,
    perturbed_attention,
    self_attention,
    perp_neg,
    zero_star,
    norm,
    tangential,
    projected,
    renorm,
    epsilon_scaling,
    frequencies,
]
