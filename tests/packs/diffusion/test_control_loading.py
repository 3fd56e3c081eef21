from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tests.packs.diffusion.checkpoints import save, save_checkpoint, unet_tensors
from tests.packs.diffusion.controls import adapter, control_tensors, original_layout

from inhouse.errors import ModelFormatError, ModelUnsupportedError, NodeInputError
from inhouse.packs.diffusion.control_loading import load_control_net
from inhouse.packs.diffusion.control_net import Adapter, ControlNet
from inhouse.packs.diffusion.loading import load_checkpoint


@pytest.mark.parametrize("prefix", ["control_model.", "", None], ids=["original", "without prefix", "diffusers"])
def test_every_layout_of_a_control_net_gives_the_same(tmp_path: Path, prefix: str | None) -> None:
    theirs = control_tensors()
    tensors = theirs if prefix is None else original_layout(theirs, prefix)
    control = load_control_net(save(tmp_path / "a.safetensors", tensors))
    assert isinstance(control, ControlNet)
    assert control.spec.hint == (3, 16, 16, 32, 32, 96, 96, 256, 32)
    network = control.network.get()
    assert network.get_parameter("zero_convs.1.0.weight").equal(theirs["controlnet_down_blocks.1.weight"])
    last = network.get_parameter("input_hint_block.14.bias")
    assert last.equal(theirs["controlnet_cond_embedding.conv_out.bias"])


def test_a_difference_is_added_to_the_model_s_own_weights(tmp_path: Path) -> None:
    model = load_checkpoint(save_checkpoint(tmp_path / "small.safetensors")).model
    tensors = original_layout(control_tensors()) | {"difference": torch.ones(1)}
    path = save(tmp_path / "diff.safetensors", tensors)
    control = load_control_net(path, model=model)
    assert isinstance(control, ControlNet)
    name, own = "input_blocks.0.0.weight", "zero_convs.0.0.weight"
    network = control.network.get()
    torch.testing.assert_close(network.get_parameter(name), tensors[f"control_model.{name}"] + unet_tensors()[name])
    assert network.get_parameter(own).equal(tensors[f"control_model.{own}"])
    with pytest.raises(NodeInputError, match="DiffControlNetLoader"):
        load_control_net(path)


FULL: dict[str, Any] = {"channels": [32, 64, 96, 96]}


@pytest.mark.parametrize(
    ("options", "places"),
    [
        (FULL, (2, 5, 8, 11)),
        ({**FULL, "in_channels": 1}, (2, 5, 8, 11)),
        ({"channels": [32, 64, 96], "num_res_blocks": 4, "adapter_type": "light_adapter"}, (2, 5, 8, 11)),
        ({**FULL, "adapter_type": "full_adapter_xl", "downscale_factor": 16}, (3, 5, 8, None)),
    ],
    ids=["full", "grey", "light", "XL"],
)
def test_adapters_of_every_kind_load(tmp_path: Path, options: dict[str, Any], places: tuple[int | None, ...]) -> None:
    network = adapter(**options)
    control = load_control_net(save(tmp_path / "a.safetensors", dict(network.state_dict())))
    assert isinstance(control, Adapter)
    assert control.places == places
    assert control.channels == (32, 64, 96, 96)
    shown = torch.rand(1, options.get("in_channels", 3), 64, 64)
    with torch.no_grad():
        wanted = network(shown)
    for found, theirs in zip(control.encode(shown), wanted, strict=True):
        torch.testing.assert_close(found, theirs)


@pytest.mark.parametrize("light", [False, True], ids=["full", "light"])
def test_adapters_of_the_paper_s_layout_load(tmp_path: Path, light: bool) -> None:  # noqa: FBT001
    options: dict[str, Any] = {"channels": [32, 64, 96], "num_res_blocks": 4, "adapter_type": "light_adapter"}
    network = adapter(**(options if light else FULL))
    tensors = {}
    for name, tensor in network.state_dict().items():
        parts = name.removeprefix("adapter.").split(".")
        if light:
            parts = ["body" if part == "resnets" else part for part in parts]
        elif "resnets" in parts:
            parts = ["body", str(2 * int(parts[1]) + int(parts[3])), *parts[4:]]
        elif "in_conv" in parts:
            parts = ["body", str(2 * int(parts[1])), *parts[2:]]
        tensors[".".join(parts)] = tensor
    control = load_control_net(save(tmp_path / "a.safetensors", tensors))
    shown = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        wanted = network(shown)
    for found, theirs in zip(control.encode(shown), wanted, strict=True):
        torch.testing.assert_close(found, theirs)


def test_a_control_lora_is_refused_by_name(tmp_path: Path) -> None:
    tensors = original_layout(control_tensors()) | {"lora_controlnet": torch.ones(1)}
    with pytest.raises(ModelUnsupportedError, match="Control-LoRA"):
        load_control_net(save(tmp_path / "a.safetensors", tensors))


def test_a_union_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ModelUnsupportedError, match="union of several ControlNets"):
        load_control_net(save(tmp_path / "a.safetensors", control_tensors() | {"task_embedding": torch.ones(6, 32)}))


def test_what_steers_nothing_is_called_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(ModelUnsupportedError, match=r"a\.safetensors looks like a VAE, not a ControlNet"):
        load_control_net(save(tmp_path / "a.safetensors", {"decoder.conv_in.weight": torch.ones(1)}))


def test_half_a_control_net_is_an_error(tmp_path: Path) -> None:
    tensors = {name: t for name, t in original_layout(control_tensors()).items() if "input_hint_block" not in name}
    with pytest.raises(ModelFormatError, match=r"input_hint_block\.0\.weight"):
        load_control_net(save(tmp_path / "a.safetensors", tensors))
