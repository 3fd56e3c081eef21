"""Nodes that say what a sampling is guided by."""

from __future__ import annotations

from typing import Annotated

from inhouse import Choices, Range, node
from inhouse.packs.diffusion.nodes.sampling import Cfg
from inhouse.packs.diffusion.wires import Conditioning, Guider, Model

GUIDERS = "sampling/custom_sampling/guiders"


@node("BasicGuider", category=GUIDERS)
def basic(*, model: Model, conditioning: Conditioning) -> Guider:
    """Follow one conditioning, without guidance away from another."""
    from inhouse.packs.diffusion import sampling

    return sampling.Guider(model, conditioning)


@node("CFGGuider", category=GUIDERS)
def cfg_guider(*, model: Model, positive: Conditioning, negative: Conditioning, cfg: Cfg = 8.0) -> Guider:
    """Go from what a picture must not show towards what it must."""
    from inhouse.packs.diffusion import sampling

    return sampling.Guider(model, positive, negative, cfg)


@node("DualCFGGuider", category=GUIDERS)
def dual(
    *,
    model: Model,
    cond1: Conditioning,
    cond2: Conditioning,
    negative: Conditioning,
    cfg_conds: Cfg = 8.0,
    cfg_cond2_negative: Cfg = 8.0,
    style: Annotated[str, Choices(("regular", "nested"))],
) -> Guider:
    """Go from the negative conditioning to a second one by one scale, and on to the first by another."""
    from inhouse.packs.diffusion import guiders

    nested = style == "nested"
    return guiders.dual_guider(model, cond1, cond2, negative, cfg_conds, cfg_cond2_negative, nested=nested)


@node("PerpNegGuider", category="_for_testing", flags={"experimental": True})
def perp_neg(
    *,
    model: Model,
    positive: Conditioning,
    negative: Conditioning,
    empty_conditioning: Conditioning,
    cfg: Cfg = 8.0,
    neg_scale: Annotated[float, Range(0, 100, step=0.01)] = 1.0,
) -> Guider:
    """Leave out what the negative prompt says, unless the positive one says it too."""
    from inhouse.packs.diffusion import guiders

    return guiders.perp_neg_guider(model, positive, negative, empty_conditioning, cfg, neg_scale)


NODES = [basic, cfg_guider, dual, perp_neg]
