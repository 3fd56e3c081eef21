from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.packs.diffusion.checkpoints import prefixed, save, save_checkpoint, text_tensors, unet_tensors, vae_tensors

from inhouse.errors import (
    ModelError,
    ModelFormatError,
    ModelMismatchError,
    ModelNotFoundError,
    ModelUnsupportedError,
    UnsafeModelError,
)
from inhouse.models.safetensors_file import MappedTensors
from inhouse.packs.diffusion.loading import (
    load_checkpoint,
    load_diffusion_model,
    load_lora,
    load_text_models,
    load_vae,
)
from inhouse.packs.diffusion.networks.inputs import NetworkInputs
from inhouse.packs.diffusion.text_model import TextModel


def load_text_model(path: Path) -> object:
    return load_text_models([path])


INPUTS = torch.ones(1, 4, 4, 4), torch.tensor([500]), NetworkInputs(torch.ones(1, 3, 64))


def test_loading_reads_headers_and_each_part_reads_its_own_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save_checkpoint(tmp_path / "small.safetensors")
    read: set[str] = set()
    original = MappedTensors.bytes

    def watched(self: MappedTensors, name: str) -> memoryview:
        read.add(name.split(".", maxsplit=1)[0])
        return original(self, name)

    monkeypatch.setattr(MappedTensors, "bytes", watched)
    model, clip, vae = load_checkpoint(path)
    assert read == set()
    model.predict(*INPUTS)
    assert read == {"model"}
    assert clip is not None
    cast("TextModel", clip.parts["l"]).token_embeddings(torch.tensor([[1]]))
    assert read == {"model", "cond_stage_model"}
    assert vae is not None
    vae.decode(torch.zeros(1, 4, 2, 2))
    assert read == {"model", "cond_stage_model", "first_stage_model"}


def test_half_precision_files_are_computed_in_float32(tmp_path: Path) -> None:
    tensors = {name: tensor.half() for name, tensor in unet_tensors().items()}
    exact = {name: tensor.float() for name, tensor in tensors.items()}
    half = load_diffusion_model(save(tmp_path / "half.safetensors", tensors))
    full = load_diffusion_model(save(tmp_path / "full.safetensors", exact))
    assert half.predict(*INPUTS).equal(full.predict(*INPUTS))


def test_parts_load_from_files_of_their_own_and_out_of_checkpoints(tmp_path: Path) -> None:
    whole = save_checkpoint(tmp_path / "whole.safetensors")
    unet = save(tmp_path / "unet.safetensors", unet_tensors())
    vae = save(tmp_path / "vae.safetensors", vae_tensors())
    assert load_diffusion_model(unet).predict(*INPUTS).equal(load_diffusion_model(whole).predict(*INPUTS))
    latents = torch.ones(1, 4, 2, 2)
    assert load_vae(vae).decode(latents).equal(load_vae(whole).decode(latents))


def test_a_file_of_another_sort_is_called_by_its_name(tmp_path: Path) -> None:
    lora = save(tmp_path / "style.safetensors", {"lora_unet_x.lora_down.weight": torch.zeros(1, 1)})
    for load in (load_checkpoint, load_diffusion_model, load_text_model, load_vae):
        with pytest.raises(ModelUnsupportedError, match=r"style\.safetensors looks like a LoRA.*LoraLoader"):
            load(lora)


def test_a_checkpoint_of_another_family_is_called_by_its_name(tmp_path: Path) -> None:
    tensors = {**prefixed(unet=unet_tensors()), "model.diffusion_model.label_emb.0.0.weight": torch.zeros(1, 1)}
    with pytest.raises(ModelUnsupportedError, match="looks like an SDXL diffusion model"):
        load_checkpoint(save(tmp_path / "xl.safetensors", tensors))


def test_a_text_model_of_unknown_width_is_refused(tmp_path: Path) -> None:
    wide = {"text_model.embeddings.token_embedding.weight": torch.zeros(2, 1281)}
    path = save(tmp_path / "clip.safetensors", text_tensors() | wide)
    with pytest.raises(ModelUnsupportedError, match="looks like a text encoder, not a text encoder that is"):
        load_text_model(path)


def clip_file(tmp_path: Path, name: str, width: int = 64) -> Path:
    wide = {"text_model.embeddings.token_embedding.weight": torch.zeros(2, width)}
    return save(tmp_path / f"{name}.safetensors", text_tensors() | wide)


def test_the_text_encoders_of_a_family_come_in_any_order(tmp_path: Path) -> None:
    small, large = clip_file(tmp_path, "small"), clip_file(tmp_path, "large", 1280)
    for paths in ([small, large], [large, small]):
        models = load_text_models(paths, kind="sdxl")
        assert set(models.parts) == {"l", "g"}
        specs = {part: cast("TextModel", model).spec for part, model in models.parts.items()}
        assert (specs["l"].name, specs["l"].default_layer, specs["l"].normed) == ("clip_l", -2, False)
        assert (specs["g"].name, specs["g"].pad_token, specs["g"].activation) == ("clip_g", 0, "gelu")


def test_a_text_encoder_that_a_family_has_not_is_refused_by_name(tmp_path: Path) -> None:
    paths = [clip_file(tmp_path, "small"), clip_file(tmp_path, "other", 1024)]
    with pytest.raises(
        ModelMismatchError, match=r"other\.safetensors is OpenCLIP-H, and Stable Diffusion XL .* CLIP-L"
    ):
        load_text_models(paths, kind="sdxl")
    twice = [clip_file(tmp_path, "small"), clip_file(tmp_path, "again")]
    with pytest.raises(ModelMismatchError, match=r"again\.safetensors holds a text encoder that another file"):
        load_text_models(twice, kind="sdxl")
    with pytest.raises(ModelUnsupportedError, match="type 'hunyuan_video' are not supported"):
        load_text_models(twice, kind="hunyuan_video")


def test_a_checkpoint_is_no_lora(tmp_path: Path) -> None:
    with pytest.raises(ModelUnsupportedError, match="is no LoRA"):
        load_lora(save_checkpoint(tmp_path / "small.safetensors"))


@pytest.mark.parametrize("load", [load_checkpoint, load_diffusion_model, load_text_model, load_vae, load_lora])
def test_missing_damaged_and_unsafe_files_are_errors_of_ours(tmp_path: Path, load: object) -> None:
    assert callable(load)
    (tmp_path / "damaged.safetensors").write_bytes(b"\x10" + b"\0" * 30)
    (tmp_path / "unsafe.ckpt").write_bytes(b"\x80\x02")
    for name, error in (
        ("missing.safetensors", ModelNotFoundError),
        ("damaged.safetensors", ModelFormatError),
        ("unsafe.ckpt", UnsafeModelError),
    ):
        with pytest.raises(error, match=name):
            load(tmp_path / name)


def test_a_network_cut_short_says_which_weights_are_missing_when_it_is_used(tmp_path: Path) -> None:
    tensors = {name: tensor for name, tensor in unet_tensors().items() if name != "middle_block.0.in_layers.2.bias"}
    model = load_diffusion_model(save(tmp_path / "cut.safetensors", tensors))
    with pytest.raises(ModelFormatError, match=r"cut\.safetensors: 1 of .* 'middle_block\.0\.in_layers\.2\.bias'"):
        model.predict(*INPUTS)


@pytest.mark.parametrize(
    ("tensors", "load"),
    [
        ({**text_tensors(), "text_model.encoder.layers.999999999.mlp.fc1.weight": torch.zeros(1, 1)}, load_text_model),
        ({**vae_tensors(), "decoder.up.0.block.999999999.conv2.weight": torch.zeros(1, 1, 1, 1)}, load_vae),
        ({**unet_tensors(), "input_blocks.999999999.0.op.weight": torch.zeros(1, 1, 1, 1)}, load_diffusion_model),
        (
            {"time_embedding.linear_1.weight": torch.zeros(1, 1), "down_blocks.999999999.x": torch.zeros(1)},
            load_checkpoint,
        ),
    ],
)
def test_a_file_that_claims_a_billion_layers_is_answered_at_once(
    tmp_path: Path, tensors: dict[str, torch.Tensor], load: Callable[[Path], object]
) -> None:
    path = save(tmp_path / "m.safetensors", tensors)
    with contextlib.suppress(ModelUnsupportedError):
        assert load(path)


SMALL = prefixed(unet=unet_tensors(), vae=vae_tensors())
SHAPES = st.lists(st.sampled_from([0, 1, 2, 3, 31, 32, 64, 96]), max_size=5).filter(
    lambda sizes: math.prod(sizes) < 1e6
)
DIFFUSION = "model.diffusion_model."


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@example(name=f"{DIFFUSION}output_blocks.0.0.in_layers.2.weight", shape=[3, 0])
@example(name="first_stage_model.decoder.conv_out.weight", shape=[0, 2, 3, 32])
@example(name=f"{DIFFUSION}middle_block.0.in_layers.2.bias", shape=[])
@given(name=st.sampled_from(sorted(SMALL)), shape=st.none() | SHAPES)
def test_a_tensor_that_is_missing_or_of_another_shape_is_an_error_of_ours(
    tmp_path: Path, name: str, shape: list[int] | None
) -> None:
    changed = {} if shape is None else {name: torch.zeros(shape)}
    path = save(tmp_path / "m.safetensors", {**{k: v for k, v in SMALL.items() if k != name}, **changed})
    with contextlib.suppress(ModelError):
        model, _, vae = load_checkpoint(path)
        model.network.get()
        if vae is not None:
            vae.network.get()
