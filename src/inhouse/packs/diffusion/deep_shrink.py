"""Deep shrink: the inside of a U works on a smaller picture for the first part of the sampling.

Kohya, https://gist.github.com/kohya-ss/3f774da220df102548093a7abc8538ed: pictures larger than those that a model was
trained on get one composition instead of several.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from inhouse.packs.diffusion.patches import Patches, unshared
from inhouse.packs.diffusion.resizing import resize

if TYPE_CHECKING:
    from torch import Tensor

    from inhouse.packs.diffusion.patches import Place


def deep_shrink(
    block: int,
    factor: float,
    *,
    first_sigma: float,
    last_sigma: float,
    after_skip: bool = True,
    down: str = "bicubic",
    up: str = "bicubic",
) -> Patches:
    """Return deep shrink.

    Args:
        block: the input block whose output is made smaller.
        factor: how much smaller, along each side.
        first_sigma: the highest noise level at which that is done.
        last_sigma: the lowest.
        after_skip: whether the other side of the U is given the map in its full size.
        down: the method of resizing.
        up: likewise.

    """

    def shrink(h: Tensor, place: Place) -> Tensor:
        sigma = place.inputs.sigma
        if place.block != block or sigma is None or not last_sigma <= float(sigma.max()) <= first_sigma:
            return h
        height, width = (max(1, round(side / factor)) for side in h.shape[-2:])
        return resize(h, width, height, down)

    def join(h: Tensor, skip: Tensor, place: Place) -> tuple[Tensor, Tensor]:
        del place
        if h.shape[-2:] == skip.shape[-2:]:
            return h, skip
        return resize(h, skip.shape[-1], skip.shape[-2], up), skip

    common = Patches(joining=(join,), network=(unshared,))
    return common + (Patches(kept=(shrink,)) if after_skip else Patches(entering=(shrink,)))
