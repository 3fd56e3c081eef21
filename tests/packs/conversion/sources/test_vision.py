"""Classifiers of pictures bring the way in which pictures are prepared for them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import ViTConfig, ViTForImageClassification

from inhouse.errors import InputNotFoundError, ModelFormatError, UsageError
from inhouse.packs.conversion.exporting import export
from inhouse.packs.conversion.shapes import shape
from inhouse.packs.conversion.sources import open_source
from inhouse.packs.conversion.sources.vision import Preparation, preparation_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small untrained ViT of two labels."""
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    config = ViTConfig(
        **sizes, image_size=32, patch_size=8, id2label={0: "cat", 1: "dog"}, label2id={"cat": 0, "dog": 1}
    )
    torch.manual_seed(0)
    ViTForImageClassification(config).save_pretrained(tmp_path / "vit")
    described = {"size": {"height": 32, "width": 32}, "image_mean": [0.5] * 3, "image_std": [0.25] * 3, "resample": 3}
    (tmp_path / "vit" / "preprocessor_config.json").write_text(json.dumps(described))
    return tmp_path / "vit"


def test_a_classifier_is_opened_with_its_preparation_and_labels(folder: Path, tmp_path: Path) -> None:
    source = open_source(str(folder), scratch=tmp_path)
    assert source.task == "image-classification"
    assert source.inputs[0].shape == ("batch", 3, 32, 32)
    assert source.facts["mean"] == [127.5] * 3
    assert source.facts["std"] == [63.75] * 3
    assert source.assets["labels.txt"].read_text() == "cat\ndog\n"
    draft = shape(export(source, "onnx", tmp_path / "out"))
    assert "runs at batch 1" in draft.passes[-1].notes


def test_pictures_of_the_users_own_become_the_samples(folder: Path, tmp_path: Path) -> None:
    data = tmp_path / "pictures"
    data.mkdir()
    Image.new("RGB", (64, 48), (255, 0, 0)).save(data / "red.png")
    source = open_source(str(folder), data=data)
    red = source.samples[0]["pixel_values"]
    assert red.shape == (1, 3, 32, 32)
    assert np.allclose(red[0, :, 0, 0], [2.0, -2.0, -2.0])
    assert len(source.samples) == 8


def test_data_without_pictures_are_told(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputNotFoundError):
        open_source(str(folder), data=tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="no pictures"):
        open_source(str(folder), data=tmp_path / "empty")
    (tmp_path / "empty" / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\nrubbish")
    with pytest.raises(UsageError, match=r"bad\.png is no picture"):
        open_source(str(folder), data=tmp_path / "empty")


def test_a_folder_that_does_not_say_how_pictures_are_prepared_is_refused(folder: Path) -> None:
    (folder / "preprocessor_config.json").unlink()
    with pytest.raises(ModelFormatError, match="preprocessor_config"):
        open_source(str(folder))


def test_what_a_configuration_says() -> None:
    told = {"do_center_crop": True, "crop_size": {"height": 224, "width": 224}, "size": {"shortest_edge": 256}}
    prepared = preparation_of({**told, "image_mean": [0.0] * 3, "image_std": [1.0] * 3, "resample": 1})
    assert prepared == Preparation(224, 256, (0.0,) * 3, (255.0,) * 3, "lanczos")
    assert prepared.bounds() == (0.0, 1.0)


def test_the_middle_of_a_picture_is_seen() -> None:
    picture = Image.new("RGB", (300, 100), (0, 0, 0))
    picture.paste((255, 255, 255), (100, 0, 200, 100))
    seen = Preparation(50, 50, (0.0,) * 3, (255.0,) * 3, "nearest")(picture)
    assert seen.shape == (1, 3, 50, 50)
    assert seen.mean() > 0.95
