from __future__ import annotations

from pathlib import Path
from typing import cast

import torch
from tests.packs.diffusion.checkpoints import SD1, save_checkpoint, seeded

from inhouse.packs.diffusion.loading import load_checkpoint
from inhouse.packs.diffusion.networks.inputs import NetworkInputs
from inhouse.packs.diffusion.networks.unet import UNet
from inhouse.packs.diffusion.prediction import Epsilon
from inhouse.packs.diffusion.text_model import TextModel


def test_a_small_checkpoint_is_read_with_its_own_architecture(tmp_path: Path) -> None:
    model, clip, vae = load_checkpoint(save_checkpoint(tmp_path / "small.safetensors"))
    assert clip is not None
    assert vae is not None
    assert model.spec == SD1
    assert type(model.prediction) is Epsilon
    spec = cast("TextModel", clip.parts["l"]).spec
    assert (spec.name, spec.activation, spec.default_layer, spec.pad_token) == (
        "clip_l", "quick_gelu", -1, 49407,
    )  # fmt: skip
    assert vae.spec.latent_channels == 4


def test_its_weights_arrive_where_they_belong(tmp_path: Path) -> None:
    model = load_checkpoint(save_checkpoint(tmp_path / "small.safetensors")).model
    inputs = torch.randn(1, 4, 8, 8), torch.tensor([500]), NetworkInputs(torch.randn(1, 77, 64))
    with torch.inference_mode():
        torch.testing.assert_close(model.predict(*inputs), seeded(UNet(SD1))(*inputs))
