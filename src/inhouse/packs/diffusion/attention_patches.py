"""Attention made cheaper, or of another strength."""

# Ways to part an axis are untyped in torch.
# mypy: disable-error-code="no-any-return, no-untyped-call"

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from inhouse.packs.diffusion.patches import Patches, unshared

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from inhouse.packs.diffusion.patches import Attention, Site


def multiplied(*, cross: bool, q: float = 1.0, k: float = 1.0, v: float = 1.0, out: float = 1.0) -> Patches:
    """Return factors on what queries, keys and values are projected from, and on what attention gives.

    Args:
        cross: whether the attention to the prompt is meant, or that of the picture to itself.
        q: factor on queries; so on.
        k: on keys.
        v: on values.
        out: on the result.

    """

    def tokens(query: Tensor, key: Tensor, value: Tensor, site: Site) -> tuple[Tensor, Tensor, Tensor]:
        return (query * q, key * k, value * v) if site.cross == cross else (query, key, value)

    def attended(given: Tensor, site: Site) -> Tensor:
        return given * out if site.cross == cross else given

    return Patches(tokens=(tokens,), attended=(attended,))


def tiled(tile_size: int, swap_size: int, max_depth: int, *, scale_depth: bool) -> Patches:
    """Return self-attention within tiles, whose sizes take turns so that no border stays: HyperTile.

    https://github.com/tfernd/HyperTile. Which size is taken depends on the timestep alone, so that a seed gives the
    same picture every time.

    Args:
        tile_size: pixels along a side of the smallest tile.
        swap_size: how many sizes take turns, 1 or more.
        max_depth: how many times the picture may have been halved where that is done, 0 or more.
        scale_depth: whether tiles have as many pixels there as in the whole picture.

    """

    def attend(
        attention: Attention, query: Tensor, key: Tensor, value: Tensor, heads: int, site: Site | None
    ) -> Tensor:
        if site is None or site.cross or (depth := _depth(site)) > max_depth:
            return attention(query, key, value, heads, site)
        least = max(4, tile_size // 8) * (2**depth if scale_depth else 1)
        turn = int(site.place.timestep[0])
        rows, columns = (_tiles(side, least, swap_size, turn + place) for place, side in enumerate(_size(site)))
        if rows * columns == 1:
            return attention(query, key, value, heads, site)
        split, joined = _tiling(site, rows, columns)
        return joined(attention(split(query), split(key), split(value), heads, site))

    return Patches(attention=(attend,), network=(unshared,))


def _size(site: Site) -> tuple[int, int]:
    return site.height, site.width


def _depth(site: Site) -> int:
    """Return how many times the picture has been halved."""
    return max(0, round(math.log2(site.place.latent_size[0] / site.height)))


def _tiles(side: int, least: int, count: int, turn: int) -> int:
    """Return into how many tiles a side is cut: it is a multiple of each tile, no smaller than ``least``."""
    sizes = [size for size in range(min(least, side), side + 1) if side % size == 0][:count]
    return side // sizes[turn % len(sizes)]


def _tiling(site: Site, rows: int, columns: int) -> tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]:
    """Return how tokens (batch, height * width, channels) become a batch of tiles, and tokens again."""
    height, width = site.height // rows, site.width // columns

    def split(tokens: Tensor) -> Tensor:
        grid = tokens.unflatten(1, (rows, height, columns, width))
        return grid.transpose(2, 3).flatten(3, 4).flatten(0, 2)

    def joined(tiles: Tensor) -> Tensor:
        grid = tiles.unflatten(0, (-1, rows, columns)).unflatten(3, (height, width))
        return grid.transpose(2, 3).flatten(1, 4)

    return split, joined


def merged(ratio: float) -> Patches:
    """Return self-attention over fewer tokens at the full resolution: the most similar are averaged, and parted after.

    Bolya and Hoffman (2023), Token Merging for Fast Stable Diffusion, https://arxiv.org/abs/2303.17604, with keys as
    the measure as in Bolya et al. (2022), https://arxiv.org/abs/2210.09461. Merging after the projections is the same
    as before them, since they are linear.

    Args:
        ratio: the share of tokens that are merged into others, 0 to 0.75.

    """

    def attend(
        attention: Attention, query: Tensor, key: Tensor, value: Tensor, heads: int, site: Site | None
    ) -> Tensor:
        if site is None or site.cross or _depth(site) > 0 or min(_size(site)) < 2:
            return attention(query, key, value, heads, site)
        merge, part = _matching(key, _size(site), ratio)
        return part(attention(merge(query), merge(key), merge(value), heads, site))

    return Patches(attention=(attend,))


def _matching(
    measure: Tensor, size: tuple[int, int], ratio: float
) -> tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]:
    """Return how tokens (batch, tokens, channels) are merged into one of each two by two, and parted again."""
    import torch

    height, width = size
    places = torch.arange(height * width, device=measure.device).reshape(height, width)
    kept = torch.zeros_like(places, dtype=torch.bool)
    kept[::2, ::2] = True
    targets, sources = places[kept], places[~kept]
    count = min(len(sources), int(ratio * height * width))
    unit = torch.nn.functional.normalize(measure.float(), dim=-1)
    best, nearest = (unit[:, sources] @ unit[:, targets].transpose(1, 2)).max(-1)
    order = best.argsort(dim=-1, descending=True)
    gone, stay = order[:, :count], order[:, count:]
    into = nearest.gather(1, gone)

    def rows(tokens: Tensor, index: Tensor) -> Tensor:
        return tokens.gather(1, index[..., None].expand(-1, -1, tokens.shape[-1]))

    def merge(tokens: Tensor) -> Tensor:
        lost, base = rows(tokens[:, sources], gone), tokens[:, targets]
        index = into[..., None].expand(-1, -1, tokens.shape[-1])
        mixed = base.scatter_reduce(1, index, lost, "mean", include_self=True)
        return torch.cat([rows(tokens[:, sources], stay), mixed], dim=1)

    def part(tokens: Tensor) -> Tensor:
        left, mixed = tokens[:, : stay.shape[1]], tokens[:, stay.shape[1] :]
        found = tokens.new_empty(len(tokens), len(sources), tokens.shape[-1])
        for index, values in ((stay, left), (gone, rows(mixed, into))):
            found.scatter_(1, index[..., None].expand_as(values), values)
        whole = tokens.new_empty(len(tokens), height * width, tokens.shape[-1])
        whole[:, targets], whole[:, sources] = mixed, found
        return whole

    return merge, part
