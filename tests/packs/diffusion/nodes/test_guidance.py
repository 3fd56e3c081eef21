"""Nodes that change guidance or patch a model change the picture, and leave the model that they were given alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tests.packs.diffusion.checkpoints import save_checkpoint

from inhouse import NodeSpec
from inhouse.packs.diffusion.loading import load_checkpoint
from inhouse.packs.diffusion.nodes import guidance, model_patches
from inhouse.packs.diffusion.sampling import Guider, find_sampler, sample_sigmas, schedule_sigmas
from inhouse.packs.diffusion.unet import DiffusionModel

SETTINGS: dict[str, dict[str, Any]] = {
    "FreSca": {"freq_cutoff": 2},
    "HyperTile": {"tile_size": 64},
    "PatchModelAddDownscale": {
        "block_number": 1,
        "end_percent": 1.0,
        "downscale_method": "bicubic",
        "upscale_method": "bicubic",
    },
    "UNetSelfAttentionMultiply": {"q": 1.5},
    "UNetCrossAttentionMultiply": {"k": 1.5},
}


def text(seed: int) -> list[list[Any]]:
    return [[torch.randn(1, 77, 64, generator=torch.Generator().manual_seed(seed)), {}]]


def sampled(model: DiffusionModel, cfg: float = 5.0) -> torch.Tensor:
    sigmas = schedule_sigmas(model.prediction, "euler", "karras", 3, 1.0)
    latent = {"samples": torch.zeros(2, 4, 16, 24)}
    guider = Guider(model, text(1), text(2), cfg)
    found: torch.Tensor = sample_sigmas(guider, sampler=find_sampler("euler"), sigmas=sigmas, seed=1, latent=latent)[0][
        "samples"
    ]
    return found


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> DiffusionModel:
    path: Path = save_checkpoint(tmp_path_factory.mktemp("models") / "small.safetensors")
    return load_checkpoint(path).model


@pytest.mark.parametrize("spec", [*guidance.NODES, *model_patches.NODES], ids=lambda spec: spec.id)
def test_a_node_changes_the_picture(model: DiffusionModel, spec: NodeSpec) -> None:
    more = {"empty_conditioning": text(3)} if spec.id == "PerpNeg" else SETTINGS.get(spec.id, {})
    plain = sampled(model)
    changed = sampled(spec(model=model, **more))
    assert bool(changed.isfinite().all())
    assert not torch.allclose(changed, plain, atol=1e-3)
    assert sampled(model).equal(plain)


def test_two_of_them_count_both(model: DiffusionModel) -> None:
    both = guidance.epsilon_scaling(model=guidance.rescale(model=model), scaling_factor=1.2)
    assert not torch.allclose(sampled(both), sampled(guidance.rescale(model=model)), atol=1e-3)
    assert not torch.allclose(
        sampled(both), sampled(guidance.epsilon_scaling(model=model, scaling_factor=1.2)), atol=1e-3
    )
