from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tests.packs.diffusion.checkpoints import prefixed, save, text_tensors, unet_tensors, vae_tensors

from inhouse.errors import ModelFormatError, UnsafeModelError
from inhouse.packs.diffusion.layouts import read_components


def test_a_checkpoint_is_sorted_into_its_parts(tmp_path: Path) -> None:
    parts = {"unet": unet_tensors(), "vae": vae_tensors(), "text": text_tensors()}
    path = save(tmp_path / "m.safetensors", {**prefixed(**parts), "v_pred": torch.zeros(0)}, **{"modelspec.title": "x"})
    components = read_components(path)
    assert components.source == "m.safetensors"
    assert components.unet.keys() == parts["unet"].keys()
    assert components.vae.keys() == parts["vae"].keys()
    assert components.text.keys() == parts["text"].keys()
    assert components.flags == {"v_pred"}
    assert components.metadata == {"modelspec.title": "x"}
    assert "model.diffusion_model.out.2.weight" in components.tensors


@pytest.mark.parametrize(("part", "make"), [("unet", unet_tensors), ("vae", vae_tensors), ("text", text_tensors)])
def test_a_part_in_a_file_of_its_own_is_told_by_its_names(
    tmp_path: Path, part: str, make: Callable[[], dict[str, torch.Tensor]]
) -> None:
    components = read_components(save(tmp_path / "part.safetensors", make()))
    found = {name for name in ("unet", "vae", "text") if getattr(components, name)}
    assert found == {part}


def test_old_text_models_lack_a_level_of_names(tmp_path: Path) -> None:
    old = "cond_stage_model.transformer."
    short = {name.replace("text_model.", old): tensor for name, tensor in text_tensors().items()}
    assert read_components(save(tmp_path / "m.safetensors", short)).text.keys() == text_tensors().keys()


@pytest.mark.parametrize(
    ("prefix", "slot"),
    [
        ("conditioner.embedders.0.transformer.", 1),
        ("conditioner.embedders.1.transformer.", 2),
        ("text_encoders.clip_l.transformer.", 1),
        ("text_encoders.clip_g.transformer.", 2),
        ("text_encoders.t5xxl.transformer.", 3),
    ],
)
def test_text_models_of_one_file_have_places(tmp_path: Path, prefix: str, slot: int) -> None:
    tensors = {f"{prefix}{name}": tensor for name, tensor in text_tensors().items()}
    components = read_components(save(tmp_path / "m.safetensors", tensors))
    assert set(components.texts) == {slot}
    assert components.text.keys() == text_tensors().keys()


def test_text_models_of_a_folder_have_its_places(tmp_path: Path) -> None:
    for name in ("text_encoder", "text_encoder_2"):
        (tmp_path / name).mkdir()
        save(tmp_path / name / "model.safetensors", text_tensors())
    assert set(read_components(tmp_path).texts) == {1, 2}


def test_a_file_of_nothing_known_has_no_parts(tmp_path: Path) -> None:
    components = read_components(save(tmp_path / "m.safetensors", {"alpha": torch.zeros(1)}))
    assert (components.unet, components.vae, components.text) == ({}, {}, {})
    assert list(components.tensors) == ["alpha"]


def folder_with_unet(tmp_path: Path, *names: str) -> Path:
    (tmp_path / "unet").mkdir()
    for name in names:
        save(tmp_path / "unet" / name, {"a": torch.zeros(1), name: torch.zeros(1)})
    return tmp_path


def test_the_unsplit_file_of_a_folder_is_preferred(tmp_path: Path) -> None:
    names = ("diffusion_pytorch_model.fp16.safetensors", "diffusion_pytorch_model.safetensors")
    components = read_components(folder_with_unet(tmp_path, *names))
    assert f"unet/{names[1]}" in components.tensors
    assert f"unet/{names[0]}" not in components.tensors


def test_shards_are_read_as_one(tmp_path: Path) -> None:
    folder = folder_with_unet(tmp_path, "x-1.safetensors", "x-2.safetensors", "unrelated.safetensors")
    index = {"weight_map": {"x-1.safetensors": "x-1.safetensors", "x-2.safetensors": "../unet/x-2.safetensors"}}
    (folder / "unet/x.safetensors.index.json").write_text(json.dumps(index))
    assert set(read_components(folder).tensors) == {"unet/a", "unet/x-1.safetensors", "unet/x-2.safetensors"}


@pytest.mark.parametrize("index", ["{", "[]", "{}", '{"weight_map": {"a": 1}}'])
def test_a_bad_index_of_shards_is_refused(tmp_path: Path, index: str) -> None:
    folder = folder_with_unet(tmp_path)
    (folder / "unet/x.safetensors.index.json").write_text(index)
    with pytest.raises(ModelFormatError, match=r"index\.json"):
        read_components(folder)


def test_a_folder_of_pickles_is_refused(tmp_path: Path) -> None:
    folder = folder_with_unet(tmp_path)
    (folder / "unet/diffusion_pytorch_model.bin").write_bytes(b"\x80\x02")
    with pytest.raises(UnsafeModelError):
        read_components(folder)


def test_an_empty_folder_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelFormatError, match="no diffusers folder"):
        read_components(tmp_path)
    with pytest.raises(ModelFormatError, match="holds no weights"):
        read_components(folder_with_unet(tmp_path))


def test_the_schedulers_prediction_type_counts_as_the_models(tmp_path: Path) -> None:
    folder = folder_with_unet(tmp_path, "model.safetensors")
    (folder / "scheduler").mkdir()
    (folder / "scheduler/scheduler_config.json").write_text('{"prediction_type": "v_prediction"}')
    assert read_components(folder).metadata == {"modelspec.prediction_type": "v_prediction"}
