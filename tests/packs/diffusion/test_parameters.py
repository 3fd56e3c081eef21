from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tests.packs.diffusion.checkpoints import save_checkpoint, unet_tensors

from inhouse.packs.diffusion.handle import Handle
from inhouse.packs.diffusion.loading import load_checkpoint
from inhouse.packs.diffusion.parameters import parameters_of

NAME = "time_embed.0.weight"


def test_parameters_are_read_from_the_file_and_no_network_is_built(tmp_path: Path) -> None:
    model = load_checkpoint(save_checkpoint(tmp_path / "small.safetensors")).model
    found = parameters_of(model.base)
    assert found.read(NAME).equal(unet_tensors()[NAME])
    assert found.shapes["input_blocks.1.1.proj_in.weight"] == (32, 32, 1, 1)
    assert found.stored == torch.float32
    assert not model.base.loaded


def test_a_network_without_files_has_them_itself() -> None:
    handle = Handle(lambda: torch.nn.Linear(3, 2), nbytes=32)
    found = parameters_of(handle)
    assert found.shapes == {"weight": (2, 3), "bias": (2,)}
    assert found.read("weight").equal(handle.get().weight)
    with torch.device("meta"):
        assert found.make().get_parameter("weight").device.type == "meta"


def test_a_parameter_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    model = load_checkpoint(save_checkpoint(tmp_path / "small.safetensors")).model
    with pytest.raises(KeyError):
        parameters_of(model.base).read("no.such.weight")
