from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tests.packs.diffusion.checkpoints import SD1, SD2, prefixed, save, text_tensors, unet_tensors, vae_tensors

from inhouse.errors import ModelMismatchError
from inhouse.packs.diffusion import merging
from inhouse.packs.diffusion.assembly import Checkpoint
from inhouse.packs.diffusion.loading import load_checkpoint, load_lora
from inhouse.packs.diffusion.lora import apply_lora
from inhouse.packs.diffusion.text_model import TextModels

LAYER = "input_blocks.1.1.transformer_blocks.0.attn1.to_q"


def checkpoint(folder: Path, seed: int) -> Checkpoint:
    tensors = prefixed(unet=unet_tensors(SD1, seed), vae=vae_tensors(), text=text_tensors(seed + 10))
    return load_checkpoint(save(folder / f"{seed}.safetensors", tensors))


@pytest.fixture
def both(tmp_path: Path) -> tuple[Checkpoint, Checkpoint]:
    return checkpoint(tmp_path, 0), checkpoint(tmp_path, 1)


def weight(model: object, name: str = f"{LAYER}.weight") -> torch.Tensor:
    found: torch.Tensor = model.network.get().get_parameter(name)  # type: ignore[attr-defined]
    return found


def text_weight(models: TextModels) -> torch.Tensor:
    return weight(models.parts["l"], "text_model.encoder.layers.0.self_attn.q_proj.weight")


def test_a_share_of_the_first_and_the_rest_of_the_second(both: tuple[Checkpoint, Checkpoint]) -> None:
    one, other = (part.model for part in both)
    merged = merging.merge_models(one, other, merging.interpolated(0.7))
    assert not one.base.loaded
    torch.testing.assert_close(weight(merged), 0.7 * weight(one) + 0.3 * weight(other))


def test_blocks_have_shares_of_their_own_and_the_longest_name_counts(both: tuple[Checkpoint, Checkpoint]) -> None:
    one, other = (part.model for part in both)
    ratios = {"input": 0.5, "input_blocks.1": 1.0, "middle": 0.0}
    merged = merging.merge_models(one, other, merging.interpolated(ratios))
    assert weight(merged).equal(weight(one))
    middle, rest = "middle_block.0.in_layers.2.weight", "time_embed.0.weight"
    assert weight(merged, middle).equal(weight(other, middle))
    torch.testing.assert_close(weight(merged, rest), (weight(one, rest) + weight(other, rest)) / 2)


def test_a_difference_added_is_the_model_again(both: tuple[Checkpoint, Checkpoint]) -> None:
    one, other = (part.model for part in both)
    difference = merging.merge_models(one, other, merging.difference(1.0))
    again = merging.merge_models(difference, other, merging.summed)
    torch.testing.assert_close(weight(again), weight(one), atol=1e-6, rtol=1e-5)


def test_a_lora_on_an_input_counts(both: tuple[Checkpoint, Checkpoint], tmp_path: Path) -> None:
    one, other = (part.model for part in both)
    tensors = {
        f"diffusion_model.{LAYER}.lora_up.weight": torch.ones(32, 1),
        f"diffusion_model.{LAYER}.lora_down.weight": torch.ones(1, 32),
    }
    lora = load_lora(save(tmp_path / "lora.safetensors", tensors))
    with_lora = apply_lora(other, None, lora, 1.0, 0.0)[0]
    assert with_lora is not None
    plain, changed = (merging.merge_models(one, second, merging.interpolated(0.5)) for second in (other, with_lora))
    torch.testing.assert_close(weight(changed) - weight(plain), torch.full((32, 32), 0.5))
    assert changed.loras == ()


def test_text_encoders_are_merged_and_scaled(both: tuple[Checkpoint, Checkpoint]) -> None:
    one, other = (part.clip for part in both)
    assert one is not None
    assert other is not None
    merged = merging.merge_text_models(one, other, merging.interpolated(0.25))
    torch.testing.assert_close(text_weight(merged), 0.25 * text_weight(one) + 0.75 * text_weight(other))
    scaled = merging.scaled_text_models(one, {".self_attn.q_proj.": 2.0})
    torch.testing.assert_close(text_weight(scaled), 2 * text_weight(one))


def test_models_of_different_families_are_an_error_at_once(both: tuple[Checkpoint, Checkpoint], tmp_path: Path) -> None:
    tensors = prefixed(unet=unet_tensors(SD2), vae=vae_tensors(), text=text_tensors())
    stranger = load_checkpoint(save(tmp_path / "2.safetensors", tensors)).model
    with pytest.raises(ModelMismatchError):
        merging.merge_models(both[0].model, stranger, merging.summed)
