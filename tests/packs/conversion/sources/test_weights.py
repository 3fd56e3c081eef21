"""Weights without a description find their architecture; pickles only where the user allows them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from inhouse.errors import ModelFormatError, ModelUnsupportedError, UnsafeModelError
from inhouse.packs.conversion.model import SourceModel
from inhouse.packs.conversion.sources import open_source
from inhouse.packs.conversion.sources.efficientnet import PREPARATION, EfficientNetLite0, _timm
from inhouse.packs.conversion.sources.samples import _photographs

DAISY = 985


def test_lite0_knows_the_flower_of_a_photograph(lite0: SourceModel) -> None:
    photographs = _photographs()
    if not photographs:
        pytest.skip("scikit-learn is not installed")
    flower = next(picture for picture in photographs if np.asarray(picture)[..., 2].mean() < 90)
    logits = lite0.answer({"images": PREPARATION(flower)})["logits"][0]
    assert int(logits.argmax()) == DAISY


def test_lite0_says_how_pictures_are_prepared(lite0: SourceModel) -> None:
    assert lite0.task == "image-classification"
    assert lite0.facts["mean"] == [127.0] * 3
    assert lite0.facts["std"] == [128.0] * 3
    assert lite0.facts["size"] == 224
    assert len(lite0.samples) >= 8
    assert all(sample["images"].shape == (1, 3, 224, 224) for sample in lite0.samples)
    assert lite0.values["images"] == pytest.approx((-127 / 128, 1.0))


def test_a_pickle_is_refused_where_it_is_not_allowed(lite0_file: Path) -> None:
    with pytest.raises(UnsafeModelError, match="is a pickle"):
        open_source(str(lite0_file))


def test_safetensors_are_loaded_by_their_names_whatever_their_order(lite0: SourceModel, tmp_path: Path) -> None:
    assert lite0.module is not None
    path = tmp_path / "lite0.safetensors"
    save_file(dict(lite0.module.state_dict()), path)
    source = open_source(str(path))
    sample = lite0.samples[0]
    assert np.array_equal(source.answer(sample)["logits"], lite0.answer(sample)["logits"])


def test_weights_under_timms_names_are_loaded_too(lite0: SourceModel, tmp_path: Path) -> None:
    assert lite0.module is not None
    path = tmp_path / "timm.safetensors"
    save_file({_timm(name): tensor for name, tensor in lite0.module.state_dict().items()}, path)
    sample = lite0.samples[0]
    assert np.array_equal(open_source(str(path)).answer(sample)["logits"], lite0.answer(sample)["logits"])


def test_weights_of_nothing_known_are_told_what_is_known(tmp_path: Path) -> None:
    path = tmp_path / "strange.safetensors"
    save_file({"weight": torch.zeros(3)}, path)
    with pytest.raises(ModelUnsupportedError, match="Known: efficientnet-lite0"):
        open_source(str(path))


def test_weights_that_lack_some_are_told(tmp_path: Path) -> None:
    path = tmp_path / "half.safetensors"
    save_file(dict(list(EfficientNetLite0().state_dict().items())[:50]), path)
    with pytest.raises(ModelFormatError):
        open_source(str(path), architecture="efficientnet-lite0")


def test_labels_become_an_asset(lite0_file: Path, tmp_path: Path) -> None:
    labels = tmp_path / "names.txt"
    labels.write_text("\n".join(f"label {number}" for number in range(1000)))
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    source = open_source(str(lite0_file), allow_pickle=True, labels=labels, scratch=scratch)
    assert source.assets["labels.txt"].read_text().splitlines()[DAISY] == f"label {DAISY}"
