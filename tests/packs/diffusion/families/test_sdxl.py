"""Diffusers is the other opinion here: its pipeline, with its models saved by it, must come to the same picture."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from tests.packs.diffusion.checkpoints import prefixed, save, seeded, text_tensors

from inhouse.errors import NodeInputError
from inhouse.packs.diffusion.families.sdxl import FAMILY
from inhouse.packs.diffusion.loading import load_checkpoint, load_diffusion_model
from inhouse.packs.diffusion.prediction import Epsilon, Velocity
from inhouse.packs.diffusion.sampling import sample
from inhouse.packs.diffusion.text.encoder import TextEncoder
from inhouse.packs.diffusion.text_model import TextModel
from inhouse.packs.diffusion.weights import shapes, weights_of

PROMPT, NEGATIVE = "a photo of a cat", "blurry"
SEED, STEPS, CFG = 3, 4, 5.0


def _text(width: int, projection: int, pad: int) -> Any:
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    config = CLIPTextConfig(
        hidden_size=width,
        intermediate_size=64,
        num_hidden_layers=3,
        num_attention_heads=width // 64,
        projection_dim=projection,
        hidden_act="gelu" if projection else "quick_gelu",
        pad_token_id=pad,
        eos_token_id=49407,
    )
    return (CLIPTextModelWithProjection if projection else CLIPTextModel)(config)


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """A folder as diffusers saves it, and the pipeline in it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from diffusers import AutoencoderKL, EulerDiscreteScheduler, StableDiffusionXLPipeline, UNet2DConditionModel

        unet = UNet2DConditionModel(
            sample_size=8,
            block_out_channels=(64, 128),
            layers_per_block=1,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
            attention_head_dim=(1, 2),
            use_linear_projection=True,
            addition_embed_type="text_time",
            addition_time_embed_dim=256,
            transformer_layers_per_block=(1, 2),
            projection_class_embeddings_input_dim=32 + 6 * 256,
            cross_attention_dim=64 + 128,
        )
        vae = AutoencoderKL(
            block_out_channels=(32, 64),
            down_block_types=("DownEncoderBlock2D",) * 2,
            up_block_types=("UpDecoderBlock2D",) * 2,
            latent_channels=4,
            scaling_factor=0.13025,
            force_upcast=False,
        )
        parts = {"unet": unet, "vae": vae, "text_encoder": _text(64, 0, 49407), "text_encoder_2": _text(128, 32, 0)}
        folder = tmp_path_factory.mktemp("theirs")
        for name, model in parts.items():
            seeded(model, seed=3).save_pretrained(folder / name)
        (folder / "model_index.json").write_text("{}")
        scheduler = EulerDiscreteScheduler(
            beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", timestep_spacing="linspace"
        )
        pipeline = StableDiffusionXLPipeline(
            **parts, tokenizer=None, tokenizer_2=None, scheduler=scheduler, add_watermarker=False
        )
        pipeline.set_progress_bar_config(disable=True)
    return folder, pipeline


def their_text(pipeline: Any, clip: TextEncoder, prompt: str) -> tuple[torch.Tensor, torch.Tensor]:
    ids = {name: torch.tensor([[token for token, _ in chunks[0]]]) for name, chunks in clip.tokenize(prompt).items()}
    with torch.inference_mode():
        first = pipeline.text_encoder(ids["l"], output_hidden_states=True)
        second = pipeline.text_encoder_2(ids["g"], output_hidden_states=True)
    return torch.cat([first.hidden_states[-2], second.hidden_states[-2]], dim=-1), second.text_embeds


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_folder_comes_to_the_picture_of_diffusers_pipeline(theirs: tuple[Path, Any]) -> None:
    folder, pipeline = theirs
    model, models, vae = load_checkpoint(folder)
    assert models is not None
    assert vae is not None
    clip = TextEncoder(models)
    positive, negative = ({"width": 80, "target_height": 48}, {"crop_w": 4})
    ours = [
        clip.encode(prompt, **options) for prompt, options in zip((PROMPT, NEGATIVE), (positive, negative), strict=True)
    ]
    (text, pooled), (other, other_pooled) = (their_text(pipeline, clip, prompt) for prompt in (PROMPT, NEGATIVE))
    torch.testing.assert_close(ours[0][0][0], text)
    torch.testing.assert_close(ours[0][0][1]["pooled_output"], pooled)
    latent = sample(
        model,
        seed=SEED,
        steps=STEPS,
        cfg=CFG,
        sampler="euler",
        schedule="normal",
        positive=ours[0],
        negative=ours[1],
        latent={"samples": torch.zeros(1, 4, 8, 8)},
    )["samples"]
    top = pipeline.scheduler.sigmas.max()
    noise = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(SEED)) * (1 + top**2).sqrt() / top
    made = pipeline(
        prompt_embeds=text,
        pooled_prompt_embeds=pooled,
        negative_prompt_embeds=other,
        negative_pooled_prompt_embeds=other_pooled,
        height=16,
        width=16,
        original_size=(64, 80),
        target_size=(48, 80),
        negative_original_size=(64, 64),
        negative_crops_coords_top_left=(0, 4),
        negative_target_size=(64, 64),
        num_inference_steps=STEPS,
        guidance_scale=CFG,
        latents=noise,
        output_type="pt",
    ).images.movedim(1, -1)
    torch.testing.assert_close(vae.decode(latent), made, atol=1e-3, rtol=0)


def test_a_lora_names_both_text_encoders(theirs: tuple[Path, Any]) -> None:
    models = load_checkpoint(theirs[0]).clip
    assert models is not None
    layer = "text_model_encoder_layers_0_mlp_fc1"
    assert [models.targets[f"lora_te{number}_{layer}"][0].shape for number in (1, 2)] == [(64, 64), (64, 128)]
    assert "text_encoder_2.text_model.encoder.layers.1.self_attn.q_proj" in models.targets


def test_the_family_is_told_by_its_unet_alone_and_marks_change_what_it_predicts(
    theirs: tuple[Path, Any], tmp_path: Path
) -> None:
    unet = unet_tensors(theirs[0])
    model = load_diffusion_model(save(tmp_path / "unet.safetensors", unet))
    assert (type(model.prediction), model.latent_format.scale_factor, model.context_width) == (Epsilon, 0.13025, 192)
    marks = {"v_pred": torch.zeros(0), "ztsnr": torch.zeros(0)}
    marked = load_diffusion_model(save(tmp_path / "marked.safetensors", {**unet, **marks})).prediction
    assert type(marked) is Velocity
    assert marked.sigma_max > 1000


def unet_tensors(folder: Path) -> dict[str, torch.Tensor]:
    """Return the UNet under its original names."""
    network = load_checkpoint(folder).model.network.get()
    return {name: tensor.detach() for name, tensor in network.state_dict().items()}


def test_a_file_holds_its_encoders_at_two_places(theirs: tuple[Path, Any], tmp_path: Path) -> None:
    texts = {f"conditioner.embedders.{slot}.transformer.{n}": t for slot in (0, 1) for n, t in text_tensors().items()}
    path = save(tmp_path / "xl.safetensors", {**prefixed(unet=unet_tensors(theirs[0])), **texts})
    models = load_checkpoint(path).clip
    assert models is not None
    specs = {part: cast("TextModel", model).spec for part, model in models.parts.items()}
    assert [specs[part].name for part in "lg"] == ["clip_l", "clip_g"]
    assert [specs[part].pad_token for part in "lg"] == [49407, 0]
    assert not any(spec.normed for spec in specs.values())


@pytest.mark.parametrize("pooled", [None, torch.zeros(1, 8)])
def test_conditioning_of_another_family_is_refused(theirs: tuple[Path, Any], pooled: torch.Tensor | None) -> None:
    model = load_checkpoint(theirs[0]).model
    with pytest.raises(NodeInputError, match="Stable Diffusion XL needs a pooled output of 32 channels"):
        model.conditioner({} if pooled is None else {"pooled_output": pooled}, (8, 8))


def test_stable_diffusion_2_is_none_of_it(theirs: tuple[Path, Any], tmp_path: Path) -> None:
    from tests.packs.diffusion.checkpoints import SD2
    from tests.packs.diffusion.checkpoints import unet_tensors as sd

    from inhouse.models.formats import open_model

    path = save(tmp_path / "sd2.safetensors", sd(SD2))
    assert not FAMILY.matches(shapes(weights_of([open_model(path)])))
    own = save(tmp_path / "xl.safetensors", unet_tensors(theirs[0]))
    assert FAMILY.matches(shapes(weights_of([open_model(own)])))
