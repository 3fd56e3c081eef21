from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.packs.diffusion.checkpoints import SD2, prefixed, save, text_tensors, unet_tensors

from inhouse.packs.diffusion.families import sdxl
from inhouse.packs.diffusion.families.refiner import FAMILY
from inhouse.packs.diffusion.loading import load_checkpoint
from inhouse.packs.diffusion.networks.residual import timestep_embedding
from inhouse.packs.diffusion.networks.unet import BlockSpec
from inhouse.packs.diffusion.unet import DiffusionModel

SPEC = replace(
    SD2,
    vector=64 + 5 * 256,
    input=(SD2.input[0], BlockSpec(64, 64, 0), *SD2.input[2:]),
    output=(*SD2.output[:2], BlockSpec(192, 64, 0), BlockSpec(128, 64, 0)),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    texts = {f"conditioner.embedders.0.transformer.{name}": tensor for name, tensor in text_tensors().items()}
    return save(tmp_path / "refiner.safetensors", {**prefixed(unet=unet_tensors(SPEC)), **texts})


def told(model: DiffusionModel, **options: Any) -> list[torch.Tensor]:
    """Return the pooled output and the vector of each number."""
    vector = model.conditioner({"pooled_output": torch.ones(1, 64), **options}, (4, 6))["vector"]
    return [vector[0, :64], *vector[0, 64:].chunk(5)]


def number(value: float) -> torch.Tensor:
    return timestep_embedding(torch.tensor([value]), 256)[0]


def test_it_is_told_sizes_and_how_well_the_picture_is_to_be_liked(path: Path) -> None:
    model = load_checkpoint(path).model
    pooled, *sizes = told(model, width=300, crop_h=7, aesthetic_score=8.5)
    assert pooled.equal(torch.ones(64))
    for found, value in zip(sizes, (32, 300, 7, 0, 8.5), strict=True):
        assert found.equal(number(value))


@pytest.mark.parametrize(("negative", "score"), [(False, 6.0), (True, 2.5)])
def test_what_a_prompt_does_not_say_of_the_score_depends_on_its_side(
    path: Path, score: float, *, negative: bool
) -> None:
    assert told(load_checkpoint(path).model, negative=negative)[-1].equal(number(score))


def test_its_one_text_encoder_is_the_larger_one(path: Path) -> None:
    model, models, vae = load_checkpoint(path)
    assert model.latent_format == sdxl.LATENT_FORMAT
    assert vae is None
    assert models is not None
    assert list(models.parts) == ["g"]
    assert "lora_te2_text_model_encoder_layers_0_mlp_fc1" in models.targets


def test_it_is_not_taken_for_the_base_model() -> None:
    shapes = {name: tuple(tensor.shape) for name, tensor in unet_tensors(SPEC).items()}
    assert FAMILY.matches(shapes)
    assert not sdxl.FAMILY.matches(shapes)
