"""Nodes that change what a network does without changing its weights."""

from __future__ import annotations

from typing import Annotated

from inhouse import Choices, Range, node
from inhouse.packs.diffusion.wires import Model

UNET = "model_patches/unet"
EXPERIMENTS = "_for_testing/attention_experiments"
EXPERIMENTAL = {"experimental": True}
METHODS = ("bicubic", "nearest-exact", "bilinear", "area", "bislerp")
Factor = Annotated[float, Range(0, 10, step=0.01)]
Percent = Annotated[float, Range(0, 1, step=0.001)]
Method = Annotated[str, Choices(METHODS)]


@node("FreeU", category=UNET)
def freeu(*, model: Model, b1: Factor = 1.1, b2: Factor = 1.2, s1: Factor = 0.9, s2: Factor = 0.2) -> Model:
    """Strengthen what comes from below in a U, and weaken the low frequencies from its other side."""
    return _freeu(model, b1, b2, s1, s2, adaptive=False)


@node("FreeU_V2", category=UNET)
def freeu_v2(*, model: Model, b1: Factor = 1.3, b2: Factor = 1.4, s1: Factor = 0.9, s2: Factor = 0.2) -> Model:
    """Do the same, with a factor that follows the feature map."""
    return _freeu(model, b1, b2, s1, s2, adaptive=True)


@node("PatchModelAddDownscale", category=UNET, display_name="PatchModelAddDownscale (Kohya Deep Shrink)")
def deep_shrink(
    *,
    model: Model,
    block_number: Annotated[int, Range(1, 32, step=1)] = 3,
    downscale_factor: Annotated[float, Range(0.1, 9, step=0.001)] = 2.0,
    start_percent: Percent = 0.0,
    end_percent: Percent = 0.35,
    downscale_after_skip: bool = True,
    downscale_method: Method,
    upscale_method: Method,
) -> Model:
    """Let the inside of a U work on a smaller picture at first, so that large pictures have one composition."""
    from inhouse.packs.diffusion.deep_shrink import deep_shrink as patches

    first, last = (model.prediction.percent_to_sigma(share) for share in (start_percent, end_percent))
    return model.with_patches(
        patches(
            block_number,
            downscale_factor,
            first_sigma=first,
            last_sigma=last,
            after_skip=downscale_after_skip,
            down=downscale_method,
            up=upscale_method,
        )
    )


@node("HyperTile", category=UNET)
def hypertile(
    *,
    model: Model,
    tile_size: Annotated[int, Range(1, 2048)] = 256,
    swap_size: Annotated[int, Range(1, 128)] = 2,
    max_depth: Annotated[int, Range(0, 10)] = 0,
    scale_depth: bool = False,
) -> Model:
    """Let the picture attend to itself within tiles only, for speed."""
    from inhouse.packs.diffusion import attention_patches

    return model.with_patches(attention_patches.tiled(tile_size, swap_size, max_depth, scale_depth=scale_depth))


@node("TomePatchModel", category=UNET)
def token_merging(*, model: Model, ratio: Annotated[float, Range(0, 1, step=0.01)] = 0.3) -> Model:
    """Let the picture attend to itself with its most similar places merged, for speed."""
    from inhouse.packs.diffusion import attention_patches

    return model.with_patches(attention_patches.merged(ratio))


@node("UNetSelfAttentionMultiply", category=EXPERIMENTS, flags=EXPERIMENTAL)
def multiply_self(*, model: Model, q: Factor = 1.0, k: Factor = 1.0, v: Factor = 1.0, out: Factor = 1.0) -> Model:
    """Multiply the parts of the picture's attention to itself."""
    from inhouse.packs.diffusion import attention_patches

    return model.with_patches(attention_patches.multiplied(cross=False, q=q, k=k, v=v, out=out))


@node("UNetCrossAttentionMultiply", category=EXPERIMENTS, flags=EXPERIMENTAL)
def multiply_cross(*, model: Model, q: Factor = 1.0, k: Factor = 1.0, v: Factor = 1.0, out: Factor = 1.0) -> Model:
    """Multiply the parts of the picture's attention to the prompt."""
    from inhouse.packs.diffusion import attention_patches

    return model.with_patches(attention_patches.multiplied(cross=True, q=q, k=k, v=v, out=out))


def _freeu(model: Model, b1: float, b2: float, s1: float, s2: float, *, adaptive: bool) -> Model:
    from inhouse.errors import ModelUnsupportedError
    from inhouse.packs.diffusion.freeu import freeu as patches

    channels = getattr(model.spec, "channels", None)
    if channels is None:
        raise ModelUnsupportedError("FreeU is for models that are a U.", hint="Take the node out for this model.")
    return model.with_patches(patches({4 * channels: (b1, s1), 2 * channels: (b2, s2)}, adaptive=adaptive))


NODES = [freeu, freeu_v2, deep_shrink, hypertile, token_merging, multiply_self, multiply_cross]
