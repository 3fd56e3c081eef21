from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tests.packs.diffusion.checkpoints import save_checkpoint

from inhouse.errors import NodeInputError
from inhouse.packs.diffusion.loading import load_vae
from inhouse.packs.diffusion.nodes import inpainting as nodes

TEXT: list[list[Any]] = [[torch.ones(1, 77, 64), {}]]


@pytest.mark.parametrize("masked", [True, False])
def test_a_model_is_told_what_to_paint_anew(tmp_path: Path, masked: bool) -> None:  # noqa: FBT001
    vae = load_vae(save_checkpoint(tmp_path / "whole.safetensors"))
    mask = torch.zeros(1, 32, 32)
    mask[:, :16] = 1
    told = nodes.condition(
        positive=TEXT, negative=TEXT, vae=vae, pixels=torch.rand(1, 32, 32, 3), mask=mask, noise_mask=masked
    )
    for side in (told.positive, told.negative):
        assert side[0][1]["concat_mask"].mean() == pytest.approx(0.5)
        assert side[0][1]["concat_latent_image"].shape == told.latent["samples"].shape
    assert ("noise_mask" in told.latent) is masked


def test_a_checkpoint_without_vae_is_told_of() -> None:
    with pytest.raises(NodeInputError, match="no VAE"):
        nodes.condition(
            positive=TEXT, negative=TEXT, vae=None, pixels=torch.rand(1, 32, 32, 3), mask=torch.ones(1, 32, 32)
        )
