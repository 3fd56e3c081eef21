from __future__ import annotations

import json
import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from tests.packs.diffusion.checkpoints import save
from tests.packs.diffusion.fakes import text
from tests.packs.diffusion.transformers import clip_l, flux, flux_original, save_t5_tokenizer, t5, vae16

from inhouse.compat.document import read_workflow
from inhouse.errors import NodeInputError
from inhouse.packs.diffusion.guidance import guidance_of
from inhouse.packs.diffusion.nodes import transformers as nodes
from inhouse.packs.diffusion.noise_levels import FlowLevels
from inhouse.packs.diffusion.prediction import Flow, Prediction
from inhouse.packs.diffusion.skipping import SkipLayers
from inhouse.workers.session import Places, open_session


@dataclass(frozen=True)
class Model:
    """What these nodes know of a model."""

    prediction: Prediction = field(default_factory=lambda: Flow(FlowLevels()))
    options: dict[str, Any] = field(default_factory=dict)

    def with_prediction(self, prediction: Prediction) -> Model:
        return replace(self, prediction=prediction)

    def with_options(self, **options: Any) -> Model:
        return replace(self, options={**self.options, **options})


def levels(model: Any) -> FlowLevels:
    assert isinstance(model.prediction, Flow)
    assert isinstance(model.prediction.levels, FlowLevels)
    return model.prediction.levels


def test_empty_latents_have_sixteen_channels() -> None:
    samples = nodes.empty_latent(width=128, height=64, batch_size=2)["samples"]
    assert samples.shape == (2, 16, 8, 16)
    assert not samples.any()


def test_guidance_is_told_or_switched_off_for_every_entry() -> None:
    conditioning = [*text(1.0), *text(2.0)]
    assert [options for _, options in nodes.flux_guidance(conditioning=conditioning, guidance=4.0)] == [
        {"guidance": 4.0},
        {"guidance": 4.0},
    ]
    assert [options for _, options in nodes.flux_disable_guidance(conditioning=conditioning)] == [
        {"guidance": None},
        {"guidance": None},
    ]


def test_levels_are_shifted_and_timesteps_told_as_the_family_takes_them() -> None:
    sd3 = levels(nodes.model_sampling_sd3(model=Model(), shift=5.0))
    aura = levels(nodes.model_sampling_aura_flow(model=Model()))
    assert (sd3.shift, sd3.multiplier, aura.shift, aura.multiplier) == (5.0, 1000.0, 1.73, 1.0)
    with pytest.raises(NodeInputError, match="no noise"):
        nodes.model_sampling_sd3(model=Model(), shift=0.0)


@pytest.mark.parametrize(("side", "log_shift"), [(256, 0.5), (1024, 1.15), (768, 0.5 + 0.65 * (2304 - 256) / 3840)])
def test_flux_is_shifted_by_the_size_of_the_picture(side: int, log_shift: float) -> None:
    found = levels(nodes.model_sampling_flux(model=Model(), width=side, height=side))
    assert found.shift == pytest.approx(math.exp(log_shift))
    halfway = float(found.sigma(torch.tensor(0.5)))
    assert halfway == pytest.approx(math.exp(log_shift) / (math.exp(log_shift) + 1))


def test_a_shift_out_of_all_bounds_is_refused() -> None:
    with pytest.raises(NodeInputError, match="out of all bounds"):
        nodes.model_sampling_flux(model=Model(), max_shift=100.0, width=16384, height=16384)


def test_layers_to_skip_are_the_numbers_in_a_text() -> None:
    model: Any = nodes.skip_layer_guidance_dit(
        model=Model(), double_layers="1, 3;x", single_layers="[10]", start_percent=0.0, end_percent=1.0
    )
    (skip,) = guidance_of(model).adjust
    assert isinstance(skip, SkipLayers)
    assert skip.blocks == {"double": {1, 3}, "single": {10}}
    assert (skip.first_sigma, skip.last_sigma) == (math.inf, 0.0)
    plain: Any = nodes.skip_layer_guidance_sd3(model=Model(), layers="none")
    assert guidance_of(plain).adjust == ()


def write_parts(folder: Path) -> None:
    """Write Flux.1 in files of their own, as its users have it."""
    parts = {
        "diffusion_models/flux": flux_original(flux().state_dict(), 2, 2),
        "text_encoders/clip_l": clip_l().state_dict(),
        "text_encoders/t5xxl": t5().state_dict(),
        "vae/ae": vae16().state_dict(),
    }
    for name, tensors in parts.items():
        path = folder / f"{name}.safetensors"
        path.parent.mkdir(exist_ok=True, parents=True)
        save(path, tensors)
    save_t5_tokenizer(folder / "text_encoders" / "t5_tokenizer.json")


WORKFLOW: dict[str, tuple[str, dict[str, Any]]] = {
    "unet": ("UNETLoader", {"unet_name": "flux.safetensors", "weight_dtype": "fp8_e4m3fn"}),
    "clip": (
        "DualCLIPLoader",
        {"clip_name1": "t5xxl.safetensors", "clip_name2": "clip_l.safetensors", "type": "flux"},
    ),
    "vae": ("VAELoader", {"vae_name": "ae.safetensors"}),
    "text": ("CLIPTextEncode", {"clip": ["clip", 0], "text": "a photo of a (cat:1.2)"}),
    "guidance": ("FluxGuidance", {"conditioning": ["text", 0], "guidance": 3.0}),
    "empty": ("EmptySD3LatentImage", {"width": 64, "height": 32, "batch_size": 1}),
    "shift": (
        "ModelSamplingFlux",
        {"model": ["unet", 0], "max_shift": 1.15, "base_shift": 0.5, "width": 64, "height": 32},
    ),
    "sampler": (
        "KSampler",
        {
            "model": ["shift", 0],
            "positive": ["guidance", 0],
            "negative": ["text", 0],
            "latent_image": ["empty", 0],
            "seed": 1,
            "steps": 2,
            "cfg": 1.0,
            "sampler_name": "euler",
            "scheduler": "simple",
            "denoise": 1.0,
        },
    ),
    "decode": ("VAEDecode", {"samples": ["sampler", 0], "vae": ["vae", 0]}),
    "save": ("SaveImage", {"images": ["decode", 0], "filename_prefix": "flux"}),
}


def test_a_workflow_of_flux_in_files_of_their_own_makes_a_picture(tmp_path: Path) -> None:
    write_parts(tmp_path / "models")
    document = {name: {"class_type": kind, "inputs": inputs} for name, (kind, inputs) in WORKFLOW.items()}
    path = tmp_path / "workflow.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    with open_session(Places(tmp_path / "models", tmp_path / "input", tmp_path / "output"), reference=True) as session:
        result = session.engine.run(read_workflow(path, session.registry))
    assert not result.failures
    (picture,) = (tmp_path / "output").glob("*.png")
    with Image.open(picture) as opened:
        assert opened.size == (32, 16)  # the small autoencoder halves twice, not three times
