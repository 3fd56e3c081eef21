from __future__ import annotations

import io
from pathlib import Path

import pytest
import torch
from safetensors.torch import load, load_file
from tests.packs.diffusion.checkpoints import save_checkpoint

from inhouse.packs.diffusion import merging, saving
from inhouse.packs.diffusion.loading import load_checkpoint


def test_a_checkpoint_is_written_as_it_was_read_and_can_be_read_again(tmp_path: Path) -> None:
    path, copy = save_checkpoint(tmp_path / "a.safetensors"), tmp_path / "b.safetensors"
    model, clip, vae = load_checkpoint(path)
    with copy.open("wb") as file:
        saving.write(saving.checkpoint(model, clip, vae), saving.metadata_of(model, {"prompt": "{}"}), file)
    before, after = load_file(path), load_file(copy)
    assert before.keys() == after.keys()
    assert all(before[name].equal(after[name]) for name in before)
    assert load_checkpoint(copy).clip is not None


def test_a_merge_is_in_what_is_written(tmp_path: Path) -> None:
    model = load_checkpoint(save_checkpoint(tmp_path / "a.safetensors")).model
    doubled = merging.merge_models(model, model, merging.summed)
    file = io.BytesIO()
    saving.write(saving.checkpoint(doubled), {}, file)
    name = "model.diffusion_model.time_embed.0.weight"
    written = load(file.getvalue())[name]
    torch.testing.assert_close(written, 2 * load_file(tmp_path / "a.safetensors")[name])
    assert not model.base.loaded


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_types_and_scalars_are_kept(dtype: torch.dtype) -> None:
    values = {"a.b": torch.tensor(2.5), "c.d": torch.arange(6.0).reshape(2, 3)}
    entries = [saving.Entry(name, tuple(v.shape), dtype, lambda v=v: v) for name, v in values.items()]  # type: ignore[misc]
    file = io.BytesIO()
    saving.write(entries, {}, file)
    found = load(file.getvalue())
    assert {name: tensor.tolist() for name, tensor in found.items()} == {n: v.tolist() for n, v in values.items()}
    assert {tensor.dtype for tensor in found.values()} == {dtype}


def test_names_of_openclip_are_those_that_are_read() -> None:
    ours = [
        *(f"text_model.encoder.layers.3.self_attn.{letter}_proj.bias" for letter in "kvq"),
        "text_model.encoder.layers.3.mlp.fc2.weight",
        "text_model.embeddings.position_embedding.weight",
    ]
    theirs = saving.to_openclip(ours)
    assert theirs["transformer.resblocks.3.attn.in_proj_bias"] == tuple(
        f"text_model.encoder.layers.3.self_attn.{letter}_proj.bias" for letter in "qkv"
    )
    assert set(theirs) == {
        "transformer.resblocks.3.attn.in_proj_bias",
        "transformer.resblocks.3.mlp.c_proj.weight",
        "positional_embedding",
    }
