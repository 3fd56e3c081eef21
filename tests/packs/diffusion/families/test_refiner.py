"""Diffusers is the other opinion here, as it is of the base model."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.packs.diffusion.checkpoints import SD2, prefixed, save, seeded, text_tensors, unet_tensors

from inhouse.packs.diffusion.families import sdxl
from inhouse.packs.diffusion.families.refiner import FAMILY
from inhouse.packs.diffusion.loading import load_checkpoint
from inhouse.packs.diffusion.networks.residual import timestep_embedding
from inhouse.packs.diffusion.networks.unet import BlockSpec
from inhouse.packs.diffusion.sampling import sample
from inhouse.packs.diffusion.text.encoder import TextEncoder
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


def pipeline() -> Any:
    """Return diffusers' refining pipeline around small random networks."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from diffusers import AutoencoderKL, EulerDiscreteScheduler, StableDiffusionXLImg2ImgPipeline
        from diffusers import UNet2DConditionModel as TheirUNet
        from transformers import CLIPTextConfig, CLIPTextModelWithProjection

        parts = {
            "unet": TheirUNet(
                sample_size=8,
                block_out_channels=(64, 128),
                layers_per_block=1,
                down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
                up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
                attention_head_dim=(1, 2),
                use_linear_projection=True,
                addition_embed_type="text_time",
                addition_time_embed_dim=256,
                projection_class_embeddings_input_dim=64 + 5 * 256,
                cross_attention_dim=64,
            ),
            "vae": AutoencoderKL(
                block_out_channels=(32, 64),
                down_block_types=("DownEncoderBlock2D",) * 2,
                up_block_types=("UpDecoderBlock2D",) * 2,
                latent_channels=4,
                scaling_factor=0.13025,
                force_upcast=False,
            ),
            "text_encoder_2": CLIPTextModelWithProjection(
                CLIPTextConfig(
                    hidden_size=64,
                    intermediate_size=64,
                    num_hidden_layers=3,
                    num_attention_heads=1,
                    projection_dim=64,
                    hidden_act="gelu",
                    eos_token_id=49407,
                )
            ),
        }
        made = StableDiffusionXLImg2ImgPipeline(
            **{name: seeded(part, seed=3) for name, part in parts.items()},
            text_encoder=None,
            tokenizer=None,
            tokenizer_2=None,
            scheduler=EulerDiscreteScheduler(
                beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", timestep_spacing="linspace"
            ),
            requires_aesthetics_score=True,
            add_watermarker=False,
        )
        made.set_progress_bar_config(disable=True)
    return made


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_folder_refines_a_latent_as_diffusers_pipeline_does(tmp_path: Path) -> None:
    theirs = pipeline()
    for name in ("unet", "vae", "text_encoder_2"):
        getattr(theirs, name).save_pretrained(tmp_path / name)
    (tmp_path / "model_index.json").write_text("{}")
    model, models, vae = load_checkpoint(tmp_path)
    assert models is not None
    assert vae is not None
    clip = TextEncoder(models)
    sides = [clip.encode(prompt) for prompt in ("a photo of a cat", "blurry")]
    (text, pooled), (other, other_pooled) = ((side[0][0], side[0][1]["pooled_output"]) for side in sides)
    latent = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(5))
    ours = sample(
        model,
        seed=3,
        steps=4,
        start_step=2,
        cfg=5.0,
        sampler="euler",
        schedule="normal",
        positive=sides[0],
        negative=sides[1],
        latent={"samples": latent},
    )["samples"]
    made = theirs(
        prompt_embeds=text,
        pooled_prompt_embeds=pooled,
        negative_prompt_embeds=other,
        negative_pooled_prompt_embeds=other_pooled,
        image=latent * 0.13025,
        strength=0.5,
        original_size=(64, 64),
        target_size=(64, 64),
        num_inference_steps=4,
        guidance_scale=5.0,
        generator=torch.Generator().manual_seed(3),
        output_type="pt",
    ).images.movedim(1, -1)
    torch.testing.assert_close(vae.decode(ours), made, atol=1e-3, rtol=0)
