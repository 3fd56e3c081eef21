from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from shutil import rmtree
from typing import Any

import pytest
import torch
from tests.packs.diffusion.checkpoints import save
from tests.packs.diffusion.transformers import clip_l, flux, flux_original, save_t5_tokenizer, t5, vae16
from torch import Tensor

from inhouse.errors import ModelUnsupportedError, NodeInputError
from inhouse.packs.diffusion.assembly import Checkpoint
from inhouse.packs.diffusion.loading import load_checkpoint
from inhouse.packs.diffusion.lora import apply_lora
from inhouse.packs.diffusion.lora_file import Lora
from inhouse.packs.diffusion.networks.inputs import NetworkInputs
from inhouse.packs.diffusion.noise_levels import FlowLevels
from inhouse.packs.diffusion.prediction import Flow
from inhouse.packs.diffusion.samplers.registry import SAMPLERS
from inhouse.packs.diffusion.sampling import Guider, sample_sigmas
from inhouse.packs.diffusion.text.encoder import TextEncoder

PROMPT = "a photo of a cat in the rain"


def single_file(folder: Path, *, text: bool = True, **changes: Any) -> Path:
    """Write one file as ComfyUI's all-in-one checkpoints are arranged, with T5's tokenizer among the text encoders."""
    tensors = {
        f"model.diffusion_model.{name}": tensor
        for name, tensor in flux_original(flux(**changes).state_dict(), 2, 2).items()
    }
    parts = {"text_encoders.clip_l.transformer.": clip_l(), "text_encoders.t5xxl.transformer.": t5()} if text else {}
    for prefix, network in parts.items():
        tensors |= {
            prefix + name: tensor for name, tensor in network.state_dict().items() if "position_ids" not in name
        }
    (folder / "checkpoints").mkdir()
    (folder / "text_encoders").mkdir()
    save_t5_tokenizer(folder / "text_encoders" / "t5_tokenizer.json")
    return save(folder / "checkpoints" / "flux.safetensors", tensors)


def diffusers_folder(folder: Path) -> Path:
    """Write a folder as diffusers' pipeline saves itself."""
    flux().save_pretrained(folder / "transformer")
    vae16().save_pretrained(folder / "vae")
    clip_l().save_pretrained(folder / "text_encoder")
    t5().save_pretrained(folder / "text_encoder_2")
    (folder / "tokenizer_2").mkdir()
    save_t5_tokenizer(folder / "tokenizer_2" / "tokenizer.json")
    return folder


def told(checkpoint: Checkpoint) -> tuple[Tensor, Tensor, NetworkInputs]:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(1, 16, 8, 6, generator=generator)
    context, vector = torch.randn(1, 7, 48, generator=generator), torch.randn(1, 40, generator=generator)
    more = checkpoint.model.conditioner({"pooled_output": vector}, (8, 6))
    return x, torch.tensor([0.4]), NetworkInputs(context, more["vector"], more["guidance"])


@pytest.mark.parametrize("written", [single_file, diffusers_folder])
def test_every_arrangement_gives_the_same_model(tmp_path: Path, written: Callable[[Path], Path]) -> None:
    from diffusers import FluxPipeline

    checkpoint = load_checkpoint(written(tmp_path))
    x, timestep, inputs = told(checkpoint)
    packed = FluxPipeline._pack_latents(x, 1, 16, 8, 6)
    places = FluxPipeline._prepare_latent_image_ids(1, 4, 3, "cpu", torch.float32)
    with torch.inference_mode():
        output = flux()(packed, inputs.context, inputs.vector, timestep, places, torch.zeros(7, 3), torch.tensor([3.5]))
    wanted = FluxPipeline._unpack_latents(output.sample, 64, 48, 8)
    torch.testing.assert_close(checkpoint.model.predict(x, timestep, inputs), wanted, rtol=1e-4, atol=1e-5)
    assert checkpoint.clip is not None
    assert set(checkpoint.clip.parts) == {"l", "t5xxl"}


def test_a_picture_is_the_one_that_diffusers_pipeline_makes(tmp_path: Path) -> None:
    from diffusers import FlowMatchEulerDiscreteScheduler, FluxPipeline

    model, clip, vae = load_checkpoint(diffusers_folder(tmp_path))
    assert clip is not None
    assert vae is not None
    conditioning = TextEncoder(clip).encode(PROMPT)
    vectors, options = conditioning[0]
    assert vectors.shape == (1, 256, 48)
    sigmas = torch.tensor([1.0, 0.8, 0.5, 0.2, 0.0])
    noise = torch.randn(1, 16, 16, 8, generator=torch.Generator().manual_seed(1))
    latent = {"samples": torch.zeros(1, 16, 16, 8)}
    sampled = sample_sigmas(
        Guider(model, conditioning), sampler=SAMPLERS["euler"], sigmas=sigmas, seed=0, latent=latent, noise=noise
    )
    pipeline = FluxPipeline(FlowMatchEulerDiscreteScheduler(), vae16(), clip_l(), None, t5(), None, flux())
    pipeline.set_progress_bar_config(disable=True)
    wanted = pipeline(
        prompt_embeds=vectors,
        pooled_prompt_embeds=options["pooled_output"],
        latents=FluxPipeline._pack_latents(noise, 1, 16, 16, 8),
        height=64,
        width=32,
        sigmas=sigmas[:-1].tolist(),
        guidance_scale=3.5,
        output_type="pt",
    ).images
    picture = vae.decode(sampled.latent["samples"]).movedim(-1, 1)
    assert wanted.std() > 0.05
    torch.testing.assert_close(picture, wanted, rtol=0, atol=1e-4)


def test_the_text_encoders_say_what_transformers_ones_say(tmp_path: Path) -> None:
    clip = load_checkpoint(single_file(tmp_path)).clip
    assert clip is not None
    encoder = TextEncoder(clip)
    vectors, options = encoder.encode("a cat")[0]
    chunks = encoder.tokenize("a cat")
    tokens = {name: torch.tensor([[token for token, _ in windows[0]]]) for name, windows in chunks.items()}
    with torch.inference_mode():
        pooled = clip_l()(tokens["l"]).pooler_output
        torch.testing.assert_close(vectors, t5()(tokens["t5xxl"]).last_hidden_state, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(options["pooled_output"], pooled, rtol=1e-4, atol=1e-5)


def test_dev_is_shifted_and_told_guidance_and_schnell_is_neither(tmp_path: Path) -> None:
    dev = load_checkpoint(single_file(tmp_path, text=False))
    (tmp_path / "s").mkdir()
    schnell = load_checkpoint(single_file(tmp_path / "s", text=False, guided=False))
    assert (dev.clip, dev.vae) == (None, None)
    entry = {"pooled_output": torch.zeros(1, 40)}
    assert dev.model.conditioner(entry, (8, 8))["guidance"].tolist() == [3.5]
    assert dev.model.conditioner({**entry, "guidance": 2.0}, (8, 8))["guidance"].tolist() == [2.0]
    assert "guidance" not in dev.model.conditioner({**entry, "guidance": None}, (8, 8))
    assert "guidance" not in schnell.model.conditioner({**entry, "guidance": 2.0}, (8, 8))
    for model, shift in ((dev.model, math.exp(1.15)), (schnell.model, 1.0)):
        assert isinstance(model.prediction, Flow)
        assert isinstance(model.prediction.levels, FlowLevels)
        assert model.prediction.levels.shift == pytest.approx(shift)
        assert float(model.prediction.timestep(torch.tensor(0.25))) == 0.25


def test_without_t5_the_error_names_what_is_missing(tmp_path: Path) -> None:
    whole = diffusers_folder(tmp_path)
    rmtree(whole / "text_encoder_2")
    clip = load_checkpoint(whole).clip
    assert clip is not None
    with pytest.raises(NodeInputError, match="t5xxl"):
        TextEncoder(clip).encode("a cat")


def test_a_conditioning_of_another_family_is_refused(tmp_path: Path) -> None:
    model = load_checkpoint(single_file(tmp_path, text=False)).model
    for options in ({}, {"pooled_output": torch.zeros(1, 1280)}):
        with pytest.raises(NodeInputError, match="pooled output of 40"):
            model.conditioner(options, (8, 8))


def test_a_network_that_is_shown_more_than_a_latent_is_refused(tmp_path: Path) -> None:
    tensors = flux_original(flux().state_dict(), 2, 2)
    tensors["img_in.weight"] = tensors["img_in.weight"].repeat(1, 6)
    path = save(tmp_path / "fill.safetensors", tensors)
    with pytest.raises(ModelUnsupportedError, match="96 channels"):
        load_checkpoint(path)


def original_lora(layer: str, outs: int, ins: int, rank: int = 2) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(3)
    return {
        f"{layer}.lora_down.weight": torch.randn(rank, ins, generator=generator),
        f"{layer}.lora_up.weight": torch.randn(outs, rank, generator=generator),
        f"{layer}.alpha": torch.tensor(1.0),
    }


@pytest.mark.parametrize(
    ("layer", "outs", "paths"),
    [
        ("lora_unet_double_blocks_1_img_attn_qkv", 192, ("transformer_blocks.1.attn.to_{}",)),
        ("diffusion_model.double_blocks.0.txt_attn.qkv", 192, ("transformer_blocks.0.attn.add_{}_proj",)),
        ("lora_unet_single_blocks_1_linear1", 448, ("single_transformer_blocks.1.attn.to_{}", "proj_mlp")),
    ],
)
def test_a_lora_on_a_matrix_that_is_split_here_is_split_like_it(
    tmp_path: Path, layer: str, outs: int, paths: tuple[str, ...]
) -> None:
    model = load_checkpoint(single_file(tmp_path, text=False)).model
    tensors = original_lora(layer, outs, 64)
    changed, _ = apply_lora(model, None, Lora.from_tensors("mine", tensors), 0.7, 0)
    assert changed is not None
    delta = tensors[f"{layer}.lora_up.weight"] @ tensors[f"{layer}.lora_down.weight"] * 0.5 * 0.7
    x, parts = torch.eye(64), [paths[0].format(letter) for letter in "qkv"]
    parts += [parts[0].removesuffix("attn.to_q") + paths[1]] if len(paths) > 1 else []
    before, after = model.network.get(), changed.network.get()
    with torch.inference_mode():
        made = [after.get_submodule(path)(x) - before.get_submodule(path)(x) for path in parts]
    torch.testing.assert_close(torch.cat(made, dim=1).T, delta, rtol=1e-3, atol=1e-4)
