from __future__ import annotations

import pytest
import torch

from inhouse.packs.diffusion.networks.joint import padded, rotated, unpatched


def test_a_latent_goes_on_at_its_other_end() -> None:
    x = torch.arange(6.0).reshape(1, 1, 2, 3)
    assert padded(x)[0, 0].tolist() == [[0, 1, 2, 0], [3, 4, 5, 3]]
    whole = torch.zeros(1, 1, 2, 2)
    assert padded(whole) is whole


@pytest.mark.parametrize("size", [(4, 6), (3, 5)])
def test_tokens_become_the_latent_that_they_were_cut_from(size: tuple[int, int]) -> None:
    x = torch.randn(2, 3, 4, 6)
    tokens = x.reshape(2, 3, 2, 2, 3, 2).permute(0, 2, 4, 3, 5, 1).flatten(3).flatten(1, 2)
    torch.testing.assert_close(unpatched(tokens, size), x[..., : size[0], : size[1]])


def test_pairs_are_turned_and_keep_their_length() -> None:
    heads, angle = torch.randn(1, 5, 2, 8), torch.rand(5, 4).repeat_interleave(2, dim=-1)
    turned = rotated(heads, (angle.cos(), angle.sin()))
    torch.testing.assert_close(turned.norm(dim=-1), heads.norm(dim=-1))
    quarter = torch.full((1, 2), torch.pi / 2)
    torch.testing.assert_close(
        rotated(torch.tensor([[[[1.0, 0.0]]]]), (quarter.cos(), quarter.sin())), torch.tensor([[[[0.0, 1.0]]]])
    )
