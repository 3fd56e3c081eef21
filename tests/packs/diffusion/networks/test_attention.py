from __future__ import annotations

import torch
from tests.packs.diffusion.fakes import place

from inhouse.backends import attention_kernels
from inhouse.packs.diffusion.networks.attention import SpatialTransformer, anywhere, plain, sdpa
from inhouse.packs.diffusion.networks.residual import Step
from inhouse.packs.diffusion.patches import UNPATCHED, Patches, Site


def test_one_token_is_answered_with_its_value() -> None:
    value = torch.randn(1, 1, 8)
    for attend in (sdpa, plain, anywhere(attention_kernels.sdpa)):
        mixed = attend(torch.randn(1, 5, 8), torch.randn(1, 1, 8), value, 2, None)
        torch.testing.assert_close(mixed, value.expand(1, 5, 8))


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

    here = place(tokens=7, width=16)
    step = Step(torch.zeros(1, 1), here, attend, UNPATCHED)
    with torch.inference_mode():
        assert transformer(torch.randn(1, 32, 3, 5), step).shape == (1, 32, 3, 5)
    assert [(site.place is here, site.depth, site.cross, site.height, site.width) for site in sites] == [
        (True, depth, cross, 3, 5) for depth in (0, 1) for cross in (False, True)
    ]


def test_tokens_can_be_changed_before_and_after_an_attention() -> None:
    transformer = SpatialTransformer(32, 16, heads=4, depth=1).eval()
    seen: list[tuple[str, bool, tuple[int, ...]]] = []

    def before(
        query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, site: Site
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        seen.append(("before", site.cross, tuple(key.shape)))
        return query, key * 0, value * 0

    def after(tokens: torch.Tensor, site: Site) -> torch.Tensor:
        seen.append(("after", site.cross, tuple(tokens.shape)))
        return tokens * 0

    step = Step(torch.zeros(1, 1), place(), sdpa, Patches(tokens=(before,), attended=(after,)))
    with torch.inference_mode():
        transformer(torch.randn(1, 32, 3, 5), step)
    assert seen == [
        ("before", False, (1, 15, 32)),
        ("after", False, (1, 15, 32)),
        ("before", True, (1, 7, 16)),
        ("after", True, (1, 15, 32)),
    ]
