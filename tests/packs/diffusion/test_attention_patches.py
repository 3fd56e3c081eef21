from __future__ import annotations

from typing import Any

import pytest
import torch

from inhouse.packs.diffusion.attention_patches import merged, multiplied, tiled
from inhouse.packs.diffusion.networks.attention import plain
from inhouse.packs.diffusion.networks.inputs import NetworkInputs
from inhouse.packs.diffusion.patches import Patches, Place, Site

HEIGHT, WIDTH, CHANNELS = 8, 12, 16


def site(*, cross: bool = False, depth: int = 0) -> Site:
    inputs = NetworkInputs(torch.zeros(2, 1, 1))
    place = Place("input", 1, inputs, torch.tensor([500, 500]), (HEIGHT << depth, WIDTH << depth))
    return Site(place, 0, cross, HEIGHT, WIDTH)


def tokens(seed: int = 0) -> torch.Tensor:
    return torch.randn(2, HEIGHT * WIDTH, CHANNELS, generator=torch.Generator().manual_seed(seed))


def attended(patches: Patches, where: Site, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    return patches.around_attention(plain)(q, k, v, 2, where)


def test_factors_are_for_one_kind_of_attention() -> None:
    patches, (q, k, v) = multiplied(cross=True, q=2, k=3, v=4, out=5), (tokens(1), tokens(2), tokens(3))
    assert patches.tokens[0](q, k, v, site()) == (q, k, v)
    changed = patches.tokens[0](q, k, v, site(cross=True))
    for new, old in zip(changed, (2 * q, 3 * k, 4 * v), strict=True):
        assert new.equal(old)
    assert patches.attended[0](q, site(cross=True)).equal(5 * q)
    assert patches.attended[0](q, site()) is q


def test_a_tile_sees_itself_alone() -> None:
    patches, x = tiled(32, 1, 0, scale_depth=False), tokens()
    before = attended(patches, site(), x, x, x).view(2, HEIGHT, WIDTH, CHANNELS)
    changed = x.clone().view(2, HEIGHT, WIDTH, CHANNELS)
    changed[:, 0, 0] += 10
    flat = changed.view_as(x)
    after = attended(patches, site(), flat, flat, flat).view_as(before)
    assert not torch.allclose(after[:, :4, :4], before[:, :4, :4])
    torch.testing.assert_close(after[:, 4:], before[:, 4:])
    torch.testing.assert_close(after[:, :, 4:], before[:, :, 4:])


@pytest.mark.parametrize("where", [site(cross=True), site(depth=1)])
def test_attention_to_the_prompt_and_of_smaller_maps_is_whole(where: Site) -> None:
    q, k = tokens(1), tokens(2)
    for patches in (tiled(32, 2, 0, scale_depth=False), merged(0.5)):
        torch.testing.assert_close(attended(patches, where, q, k, k), plain(q, k, k, 2))


def test_a_tile_as_large_as_the_picture_is_the_picture() -> None:
    x = tokens()
    torch.testing.assert_close(attended(tiled(2048, 2, 0, scale_depth=False), site(), x, x, x), plain(x, x, x, 2))


def test_nothing_merged_is_whole_attention_and_equal_tokens_merge_without_loss() -> None:
    x = tokens()
    torch.testing.assert_close(attended(merged(0.0), site(), x, x, x), plain(x, x, x, 2))
    same = x[:, :1].expand_as(x).contiguous()
    torch.testing.assert_close(attended(merged(0.5), site(), same, same, same), same)


def test_merging_leaves_fewer_tokens_to_attend() -> None:
    asked: list[int] = []

    def attend(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, heads: int, where: Any) -> torch.Tensor:
        asked.append(q.shape[1])
        return plain(q, k, v, heads, where)

    x = tokens()
    out = merged(0.5).around_attention(attend)(x, x, x, 2, site())
    assert asked == [HEIGHT * WIDTH // 2]
    assert out.shape == x.shape
    assert bool(out.isfinite().all())
