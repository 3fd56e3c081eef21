from __future__ import annotations

import pytest
import torch

from inhouse.packs.diffusion.networks.attention import ATTENTION, Site, SpatialTransformer, plain, sdpa, sliced
from inhouse.packs.diffusion.networks.residual import Step


@pytest.mark.parametrize("name", sorted(ATTENTION))
def test_all_implementations_agree(name: str) -> None:
    torch.manual_seed(0)
    query, key, value = torch.randn(2, 1500, 24), torch.randn(2, 9, 24), torch.randn(2, 9, 24)
    torch.testing.assert_close(ATTENTION[name](query, key, value, 3, None), plain(query, key, value, 3))


def test_one_token_is_answered_with_its_value() -> None:
    value = torch.randn(1, 1, 8)
    for attend in (sdpa, sliced, plain):
        torch.testing.assert_close(attend(torch.randn(1, 5, 8), torch.randn(1, 1, 8), value, 2), value.expand(1, 5, 8))


def test_every_attention_goes_through_the_given_function_and_is_named() -> None:
    transformer = SpatialTransformer(32, 16, heads=4, depth=2).eval()
    sites: list[Site] = []

    def attend(
        query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, heads: int, site: Site | None
    ) -> torch.Tensor:
        assert site is not None
        assert heads == 4
        assert key.shape[1] == (7 if site.cross else 15)
        sites.append(site)
        return sdpa(query, key, value, heads)

    step = Step(torch.zeros(1, 1), torch.randn(1, 7, 16), attend, "middle", 0)
    with torch.inference_mode():
        assert transformer(torch.randn(1, 32, 3, 5), step).shape == (1, 32, 3, 5)
    assert sites == [Site("middle", 0, depth, cross, 3, 5) for depth in (0, 1) for cross in (False, True)]
