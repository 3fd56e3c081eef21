from __future__ import annotations

from typing import Any, cast

import torch

from inhouse.packs.diffusion.freeu import freeu, lowered, spectrum_scaled

PLACE = cast("Any", None)


def maps(channels: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    h, skip = (torch.randn(2, channels, 8, 6, generator=generator) for _ in range(2))
    return h, skip


def test_only_maps_of_the_named_widths_change_and_none_in_place() -> None:
    join = freeu({8: (1.5, 0.5)}, adaptive=False).joining[0]
    h, skip = maps(4)
    assert join(h, skip, PLACE) == (h, skip)
    h, skip = maps(8)
    before = h.clone()
    changed, lower = join(h, skip, PLACE)
    assert h.equal(before)
    torch.testing.assert_close(changed[:, :4], h[:, :4] * 1.5)
    assert changed[:, 4:].equal(h[:, 4:])
    torch.testing.assert_close(lower, lowered(skip, 0.5))


def test_the_adaptive_factor_is_one_where_the_map_is_lowest_and_b_where_it_is_highest() -> None:
    h, skip = maps(8)
    changed, _ = freeu({8: (1.5, 1.0)}, adaptive=True).joining[0](h, skip, PLACE)
    factor = (changed / h)[:, 0].flatten(1)
    torch.testing.assert_close(factor.amin(1), torch.ones(2))
    torch.testing.assert_close(factor.amax(1), torch.full((2,), 1.5))


def test_a_factor_of_one_changes_no_frequency_and_a_mean_is_the_lowest() -> None:
    _, skip = maps(8)
    torch.testing.assert_close(lowered(skip, 1.0), skip, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(lowered(skip, 0.25).mean((2, 3)), skip.mean((2, 3)) * 0.25, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(spectrum_scaled(skip, 0.5, 2.0, 99), skip * 0.5, atol=1e-5, rtol=1e-5)


def test_a_map_of_one_place_has_the_factor_of_the_lowest() -> None:
    h = torch.randn(2, 8, 1, 1, generator=torch.Generator().manual_seed(0))
    changed, _ = freeu({8: (1.5, 1.0)}, adaptive=True).joining[0](h, h, PLACE)
    assert changed.equal(h)
