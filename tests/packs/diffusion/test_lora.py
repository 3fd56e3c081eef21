from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from tests.packs.diffusion.checkpoints import save, save_checkpoint

from inhouse.errors import ModelMismatchError
from inhouse.packs.diffusion.adapters import change_of
from inhouse.packs.diffusion.beside import folded
from inhouse.packs.diffusion.loading import load_checkpoint, load_lora
from inhouse.packs.diffusion.lora import LoraApplication, apply_lora, patched
from inhouse.packs.diffusion.lora_file import Lora
from inhouse.packs.diffusion.text_model import TextModel, TextModels
from inhouse.packs.diffusion.unet import DiffusionModel

if TYPE_CHECKING:
    from torch import Tensor

QUERY = "input_blocks.1.1.transformer_blocks.0.attn1.to_q"
THEIRS = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"


@pytest.fixture
def parts(tmp_path: Path) -> tuple[DiffusionModel, TextModels]:
    model, clip, _ = load_checkpoint(save_checkpoint(tmp_path / "small.safetensors"))
    assert clip is not None
    return model, clip


def low_rank(layer: str, rows: int, row: int, *, up: str = "lora_up", down: str = "lora_down") -> dict[str, Tensor]:
    return {f"{layer}.{up}.weight": torch.ones(rows, 1), f"{layer}.{down}.weight": torch.ones(1, row)}


def weight(model: DiffusionModel | TextModels | None, name: str) -> Tensor:
    if isinstance(model, TextModels):
        text = model.parts["l"]
        assert isinstance(text, TextModel)
        return text.network.get().get_parameter(f"{name}.weight")
    assert model is not None
    return folded(model.network.get(), f"{name}.weight")


@pytest.mark.parametrize(
    "layer",
    [
        f"lora_unet_{THEIRS.replace('.', '_')}",
        f"lora_unet_{QUERY.replace('.', '_')}",
        f"unet.{THEIRS}",
        f"unet.{THEIRS.replace('to_q', 'processor.to_q')}",
        f"diffusion_model.{QUERY}",
        f"base_model.model.{THEIRS}",
        f"lycoris_{THEIRS.replace('.', '_')}",
    ],
)
def test_every_way_of_naming_a_layer_reaches_it(
    parts: tuple[DiffusionModel, TextModels], layer: str, caplog: pytest.LogCaptureFixture
) -> None:
    model, _ = apply_lora(*parts, Lora.from_tensors("x", low_rank(layer, 32, 32)), 0.5, 0.5)
    torch.testing.assert_close(weight(model, QUERY), weight(parts[0], QUERY) + 0.5)
    assert not caplog.records


@pytest.mark.parametrize("prefix", ["lora_te_", "lora_te1_", "text_encoder."])
def test_text_models_are_reached_too(parts: tuple[DiffusionModel, TextModels], prefix: str) -> None:
    name = "text_model.encoder.layers.1.mlp.fc1"
    layer = prefix + (name if prefix.endswith(".") else name.replace(".", "_"))
    model, clip = apply_lora(*parts, Lora.from_tensors("x", low_rank(layer, 128, 64)), 0.5, 0.25)
    torch.testing.assert_close(weight(clip, name), weight(parts[1], name) + 0.25)
    assert model is parts[0]


def test_a_convolution_of_one_pixel_in_the_file_fits_a_linear_layer(parts: tuple[DiffusionModel, TextModels]) -> None:
    tensors = {
        name: t[..., None, None] for name, t in low_rank("diffusion_model.middle_block.1.proj_in", 64, 64).items()
    }
    model, _ = apply_lora(*parts, Lora.from_tensors("x", tensors), 1.0, 1.0)
    torch.testing.assert_close(weight(model, "middle_block.1.proj_in"), weight(parts[0], "middle_block.1.proj_in") + 1)


def test_biases_and_norms_can_be_changed(parts: tuple[DiffusionModel, TextModels]) -> None:
    tensors = {"diffusion_model.out.0.w_norm": torch.ones(32), "diffusion_model.out.2.diff_b": torch.ones(4)}
    model, _ = apply_lora(*parts, Lora.from_tensors("x", tensors), 2.0, 1.0)
    torch.testing.assert_close(weight(model, "out.0"), weight(parts[0], "out.0") + 2)
    assert model is not None
    before, after = (one.network.get().get_parameter("out.2.bias") for one in (parts[0], model))
    torch.testing.assert_close(after, before + 2)


def test_what_does_not_fit_is_counted_and_named(
    parts: tuple[DiffusionModel, TextModels], caplog: pytest.LogCaptureFixture
) -> None:
    tensors = {
        **low_rank(f"diffusion_model.{QUERY}", 32, 32),
        **low_rank("diffusion_model.nowhere", 32, 32),
        **low_rank("diffusion_model.out.2", 5, 5),
        **low_rank("lora_te_nowhere", 5, 5),
        "strange": torch.ones(1),
    }
    model, _ = apply_lora(*parts, Lora.from_tensors("style", tensors), 1.0, 1.0)
    assert model is not parts[0]
    (record,) = caplog.records
    assert record.getMessage() == (
        "LoRA style: 4 of 5 parts do not fit and were left out: "
        "diffusion_model.nowhere, diffusion_model.out.2, lora_te_nowhere, strange"
    )


def test_a_long_list_of_what_does_not_fit_is_cut(
    parts: tuple[DiffusionModel, TextModels], caplog: pytest.LogCaptureFixture
) -> None:
    tensors = {name: t for number in range(20) for name, t in low_rank(f"nowhere{number}", 1, 1).items()}
    tensors |= low_rank(f"diffusion_model.{QUERY}", 32, 32)
    apply_lora(*parts, Lora.from_tensors("style", tensors), 1.0, 1.0)
    assert "20 of 21" in caplog.text
    assert caplog.text.rstrip().endswith("nowhere9, ...")


def test_without_a_text_model_its_layers_are_not_missed(
    parts: tuple[DiffusionModel, TextModels], caplog: pytest.LogCaptureFixture
) -> None:
    tensors = {**low_rank("lora_te_x", 1, 1), **low_rank(f"diffusion_model.{QUERY}", 32, 32)}
    model, clip = apply_lora(parts[0], None, Lora.from_tensors("x", tensors), 1.0, 0.0)
    assert clip is None
    assert model is not parts[0]
    assert not caplog.records


def test_no_strength_is_no_change(parts: tuple[DiffusionModel, TextModels]) -> None:
    lora = Lora.from_tensors("x", low_rank(f"diffusion_model.{QUERY}", 32, 32))
    assert apply_lora(*parts, lora, 0.0, 0.0) == parts


def test_loras_are_put_on_in_order_without_reading_the_base_again(parts: tuple[DiffusionModel, TextModels]) -> None:
    lora = Lora.from_tensors("x", low_rank(f"diffusion_model.{QUERY}", 32, 32))
    once, _ = apply_lora(*parts, lora, 1.0, 0.0)
    twice, _ = apply_lora(once, parts[1], lora, 0.5, 0.0)
    base = parts[0].network.get()
    assert twice is not None
    torch.testing.assert_close(weight(twice, QUERY), base.get_parameter(f"{QUERY}.weight") + 1.5)
    assert twice.base.get() is base


def test_untouched_weights_are_shared_and_touched_ones_stay_in_the_original(
    parts: tuple[DiffusionModel, TextModels],
) -> None:
    network = parts[0].network.get()
    before = {name: parameter.clone() for name, parameter in network.named_parameters()}
    change = change_of({"diff": torch.ones(4)})
    assert change is not None
    clone = patched(network, loras=[LoraApplication({"out.2.bias": change}, 1.0)])
    for name, parameter in network.named_parameters():
        assert parameter.equal(before[name])
        assert (clone.get_parameter(name) is parameter) == (name != "out.2.bias")


def test_a_lora_file_is_read(tmp_path: Path) -> None:
    lora = load_lora(save(tmp_path / "style.safetensors", low_rank("lora_unet_x", 2, 3)))
    assert (lora.name, len(lora.changes)) == ("style.safetensors", 1)


CROSS = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k"
STRANGERS = {
    "Stable Diffusion 1": low_rank(CROSS, 320, 768),
    "Stable Diffusion 2": low_rank(CROSS, 320, 1024),
    "Stable Diffusion XL": low_rank("lora_unet_input_blocks_4_1_transformer_blocks_0_attn2_to_v", 640, 2048),
    "Stable Diffusion 3": low_rank("lora_unet_joint_blocks_3_x_block_attn_qkv", 1152, 384),
    "Flux": low_rank("transformer.single_transformer_blocks.3.attn.to_q", 3072, 3072),
}


@pytest.mark.parametrize("family", STRANGERS)
def test_a_lora_of_another_family_is_an_error_that_names_it(
    parts: tuple[DiffusionModel, TextModels], family: str
) -> None:
    with pytest.raises(ModelMismatchError, match=rf"LoRA style seems to be made for {family};.* 1 of its 1 changes"):
        apply_lora(*parts, Lora.from_tensors("style", STRANGERS[family]), 1.0, 1.0)


def test_what_fits_by_chance_does_not_make_it_the_same_family(parts: tuple[DiffusionModel, TextModels]) -> None:
    tensors = low_rank(CROSS, 320, 2048) | low_rank(f"diffusion_model.{QUERY}", 32, 32)
    with pytest.raises(ModelMismatchError, match="Stable Diffusion XL"):
        apply_lora(*parts, Lora.from_tensors("style", tensors), 1.0, 0.0)


def test_a_lora_for_another_text_model_alone_is_an_error_too(parts: tuple[DiffusionModel, TextModels]) -> None:
    tensors = low_rank("lora_te2_text_model_encoder_layers_0_mlp_fc1", 5120, 1280)
    with pytest.raises(ModelMismatchError, match="Stable Diffusion XL"):
        apply_lora(*parts, Lora.from_tensors("style", tensors), 1.0, 1.0)


def test_it_is_said_how_much_of_a_lora_counts(
    parts: tuple[DiffusionModel, TextModels], caplog: pytest.LogCaptureFixture
) -> None:
    tensors = low_rank(f"diffusion_model.{QUERY}", 32, 32) | low_rank("diffusion_model.out.2", 5, 5)
    tensors |= low_rank("lora_te_text_model_encoder_layers_1_mlp_fc1", 128, 64)
    with caplog.at_level("INFO"):
        apply_lora(*parts, Lora.from_tensors("style", tensors), 1.0, 1.0)
    assert [record.getMessage() for record in caplog.records][:2] == [
        f"LoRA style changes 1 of 2 parameters of the model: diffusion_model.{QUERY}",
        "LoRA style changes 1 of 1 parameters of the text model: lora_te_text_model_encoder_layers_1_mlp_fc1",
    ]
