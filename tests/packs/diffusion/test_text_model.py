from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
import torch
from tests.packs.diffusion.checkpoints import CLIP, save, save_checkpoint, text_tensors
from torch import Tensor

from inhouse.packs.diffusion.adapters import change_of
from inhouse.packs.diffusion.loading import load_text_models
from inhouse.packs.diffusion.lora import LoraApplication, Target
from inhouse.packs.diffusion.text_model import TextModel, TextModels

IDS = torch.tensor([[3, 1, 4, 1, 5]])


@pytest.fixture
def model(tmp_path: Path) -> TextModel:
    from inhouse.packs.diffusion.loading import load_checkpoint

    clip = load_checkpoint(save_checkpoint(tmp_path / "small.safetensors")).clip
    assert clip is not None
    return cast("TextModel", clip.parts["l"])


def test_every_layers_output_is_given(model: TextModel) -> None:
    states = model.hidden_states(model.token_embeddings(IDS))
    assert [tuple(state.shape) for state in states] == [(1, 5, 64)] * (CLIP.layers + 1)
    positions = text_tensors()["text_model.embeddings.position_embedding.weight"][:5]
    torch.testing.assert_close(states[0], model.token_embeddings(IDS) + positions)
    normed = model.final_norm(states[-1])
    assert normed.shape == (1, 5, 64)


def test_windows_that_do_not_fit_at_once_go_through_in_parts(model: TextModel, monkeypatch: pytest.MonkeyPatch) -> None:
    embeddings = torch.randn(7, 5, 64, generator=torch.Generator().manual_seed(1))
    whole, network, sizes = model.hidden_states(embeddings), model.network.get(), []
    forward = network.forward

    def limited(rows: Tensor) -> tuple[Tensor, ...]:
        if len(rows) > 3:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        sizes.append(len(rows))
        return forward(rows)

    monkeypatch.setattr(network, "forward", limited)
    for part, expected in zip(model.hidden_states(embeddings), whole, strict=True):
        torch.testing.assert_close(part, expected)
    assert sum(sizes) == 7


def test_without_a_projection_the_pooled_output_stays(model: TextModel) -> None:
    pooled = torch.randn(1, 64)
    assert model.project(pooled) is pooled


def test_a_projection_is_applied(tmp_path: Path) -> None:
    tensors = text_tensors()
    table = torch.randn(100, 768)
    tensors = {
        "text_model.embeddings.token_embedding.weight": table,
        "text_model.embeddings.position_embedding.weight": torch.zeros(77, 768),
        "text_model.final_layer_norm.weight": torch.ones(768),
        "text_model.final_layer_norm.bias": torch.zeros(768),
        "text_model.encoder.layers.0.mlp.fc1.weight": torch.zeros(8, 768),
        "text_model.encoder.layers.0.mlp.fc1.bias": torch.zeros(8),
        "text_model.encoder.layers.0.mlp.fc2.weight": torch.zeros(768, 8),
        "text_model.encoder.layers.0.mlp.fc2.bias": torch.zeros(768),
        **{
            f"text_model.encoder.layers.0.{layer}.{kind}": torch.zeros(768)
            for layer in ("layer_norm1", "layer_norm2")
            for kind in ("weight", "bias")
        },
        **{
            f"text_model.encoder.layers.0.self_attn.{name}_proj.{kind}": torch.zeros(shape)
            for name in ("q", "k", "v", "out")
            for kind, shape in (("weight", (768, 768)), ("bias", (768,)))
        },
        "text_projection.weight": 2 * torch.eye(768)[:6],
    }
    model = cast("TextModel", load_text_models([save(tmp_path / "clip.safetensors", tensors)]).parts["l"])
    assert model.spec.projection == 6
    torch.testing.assert_close(model.project(table[:1]), 2 * table[:1, :6])


def test_a_patched_weight_is_rounded_as_the_file_stores_it(model: TextModel) -> None:
    name = "text_model.final_layer_norm.bias"
    change = change_of({"diff": torch.full((64,), 1e-4)})
    assert change is not None
    lora = LoraApplication({name: change}, 1.0)
    exact = model.with_lora(lora)
    rounded = TextModel(model.base, model.spec, model.targets, torch.bfloat16, (lora,))
    wanted = model.base.get().get_parameter(name) + 1e-4
    assert exact.network.get().get_parameter(name).equal(wanted)
    assert rounded.network.get().get_parameter(name).equal(wanted.bfloat16().float())


def test_a_lora_reaches_each_of_several_models_by_its_own_names(model: TextModel) -> None:
    layer = "text_model.encoder.layers.0.mlp.fc1"
    targets = {f"lora_te{number}_fc1": (Target(layer, (128, 64)),) for number in (1, 2)}
    both = TextModels(
        {part: replace(model, targets={name: found}) for part, (name, found) in zip("lg", targets.items(), strict=True)}
    )
    assert [found[0].path for found in both.targets.values()] == [f"l:{layer}", f"g:{layer}"]
    change = change_of({"diff": torch.ones(128, 64)})
    assert change is not None
    changed = both.with_lora(LoraApplication({f"g:{layer}.weight": change}, 2.0))
    first, second = (cast("TextModel", changed.parts[part]) for part in "lg")
    assert first is both.parts["l"]
    before, after = (found.network.get().get_parameter(f"{layer}.weight") for found in (first, second))
    torch.testing.assert_close(after, before + 2)
