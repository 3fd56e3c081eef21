from __future__ import annotations

from typing import Any, cast

import torch
from tests.packs.diffusion.fakes import sample_prediction

from inhouse.packs.diffusion.guidance import GuidanceStep
from inhouse.packs.diffusion.networks.attention import plain
from inhouse.packs.diffusion.networks.inputs import NetworkInputs
from inhouse.packs.diffusion.patches import UNPATCHED, Patches, Place, Site
from inhouse.packs.diffusion.self_attention_guidance import blurred, self_attention_guidance


def test_a_blur_keeps_flat_latents_and_the_mean_of_others() -> None:
    flat = torch.full((1, 4, 12, 12), 3.0)
    torch.testing.assert_close(blurred(flat, 2.0), flat)
    rough = torch.randn(1, 4, 12, 12, generator=torch.Generator().manual_seed(0))
    assert float(blurred(rough, 2.0).std()) < 0.5 * float(rough.std())
    assert blurred(rough[..., :3, :3], 2.0).shape == (1, 4, 3, 3)


def test_the_network_is_asked_again_about_what_is_blurred_where_it_looks() -> None:
    asked: list[torch.Tensor] = []
    x = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(1))

    def predict(*, x: torch.Tensor | None = None, patches: Patches = UNPATCHED, side: int = 0) -> torch.Tensor:
        assert side == 1
        place = Place("middle", 0, NetworkInputs(torch.zeros(1, 1, 1)), torch.tensor([1]), (8, 8))
        tokens = torch.randn(1, 16, 8, generator=torch.Generator().manual_seed(2))
        patches.around_attention(plain)(tokens * 9, tokens, tokens, 2, Site(place, 0, False, 4, 4))  # noqa: FBT003
        if x is not None:
            asked.append(x)
        return clean if x is None else x * 0.5

    clean = x * 0.5
    step = GuidanceStep(x, torch.ones(1), clean, clean, 4.0, sample_prediction(), cast("Any", predict))
    changed = self_attention_guidance(1.0, 2.0)(step, clean)

    assert len(asked) == 1
    moved = (asked[0] - x).abs().amax(dim=(0, 1)) > 1e-6
    assert bool(moved.any())
    assert not bool(moved.all())
    assert not torch.allclose(changed, clean)
    assert self_attention_guidance(0.0, 2.0)(step, clean) is clean
