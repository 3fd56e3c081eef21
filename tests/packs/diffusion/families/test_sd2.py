from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest
import torch
from tests.packs.diffusion.checkpoints import SD2, prefixed, save, seeded, text_tensors, unet_tensors

from inhouse.packs.diffusion.loading import load_checkpoint
from inhouse.packs.diffusion.networks.inputs import NetworkInputs
from inhouse.packs.diffusion.networks.unet import UNet
from inhouse.packs.diffusion.prediction import Epsilon, Velocity
from inhouse.packs.diffusion.text_model import TextModel

TELLTALE = "output_blocks.11.1.transformer_blocks.0.norm1.bias"


def test_projections_are_linear_and_heads_are_64_wide(tmp_path: Path) -> None:
    path = save(tmp_path / "m.safetensors", prefixed(unet=unet_tensors(SD2)))
    model, clip, vae = load_checkpoint(path)
    assert model.spec == SD2
    assert (clip, vae) == (None, None)
    inputs = torch.randn(1, 4, 8, 8), torch.tensor([500]), NetworkInputs(torch.randn(1, 77, 64))
    with torch.inference_mode():
        torch.testing.assert_close(model.predict(*inputs), seeded(UNet(SD2))(*inputs))


def spread(value: float, channels: int = 4) -> dict[str, torch.Tensor]:
    """A UNet of twelve output blocks, the telltale's population standard deviation being ``value``."""
    tensors = unet_tensors(SD2)
    for index in range(4, 12):
        tensors |= {
            name.replace("output_blocks.3.", f"output_blocks.{index}."): tensor
            for name, tensor in tensors.items()
            if name.startswith("output_blocks.3.")
        }
    tensors[TELLTALE] = torch.tensor([value, -value]).repeat(32)
    first = tensors["input_blocks.0.0.weight"]
    tensors["input_blocks.0.0.weight"] = first.repeat(1, 3, 1, 1)[:, :channels]
    return tensors


@pytest.mark.parametrize(
    ("value", "channels", "kind"), [(0.0901, 4, Velocity), (0.0899, 4, Epsilon), (0.2, 9, Epsilon)]
)
def test_the_spread_of_one_bias_tells_the_prediction(tmp_path: Path, value: float, channels: int, kind: type) -> None:
    path = save(tmp_path / "m.safetensors", prefixed(unet=spread(value, channels)))
    assert type(load_checkpoint(path).model.prediction) is kind


def test_the_files_own_word_counts_more(tmp_path: Path) -> None:
    metadata = {"modelspec.prediction_type": "epsilon"}
    path = save(tmp_path / "m.safetensors", prefixed(unet=spread(0.2)), **metadata)
    assert type(load_checkpoint(path).model.prediction) is Epsilon


@pytest.mark.parametrize("prefix", ["model.diffusion_model.", ""])
def test_marks_in_the_file_switch_prediction_and_zero_terminal_snr(tmp_path: Path, prefix: str) -> None:
    unet = {f"{prefix}{name}": tensor for name, tensor in unet_tensors(SD2).items()}
    marks = {f"{prefix}{name}": torch.zeros(0) for name in ("v_pred", "ztsnr")}
    prediction = load_checkpoint(save(tmp_path / "m.safetensors", {**unet, **marks})).model.prediction
    assert type(prediction) is Velocity
    assert prediction.sigma_max > 1000


def test_marks_may_lie_at_the_top_of_a_whole_checkpoint(tmp_path: Path) -> None:
    tensors = {**prefixed(unet=unet_tensors(SD2)), "v_pred": torch.zeros(0)}
    assert type(load_checkpoint(save(tmp_path / "m.safetensors", tensors)).model.prediction) is Velocity


@pytest.mark.parametrize(("layers", "layer"), [(24, -2), (23, -1), (4, -2)])
def test_the_penultimate_layer_conditions_also_where_the_last_was_left_out(
    tmp_path: Path, layers: int, layer: int
) -> None:
    text = text_tensors()
    first = "text_model.encoder.layers.0."
    text |= {
        name.replace(first, f"text_model.encoder.layers.{index}."): tensor
        for index in range(1, layers)
        for name, tensor in text.items()
        if name.startswith(first)
    }
    tensors = prefixed(unet=unet_tensors(SD2), text=text)
    clip = load_checkpoint(save(tmp_path / "m.safetensors", tensors)).clip
    assert clip is not None
    spec = cast("TextModel", clip.parts["h"]).spec
    assert (spec.layers, spec.default_layer) == (layers, layer)
    assert (spec.name, spec.activation, spec.pad_token) == ("clip_h", "gelu", 0)
