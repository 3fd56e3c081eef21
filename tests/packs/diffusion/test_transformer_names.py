from __future__ import annotations

from pathlib import Path

import torch
from tests.packs.diffusion.checkpoints import save
from tests.packs.diffusion.transformers import flux, flux_original, sd3, sd3_original

from inhouse.models.formats import open_model
from inhouse.packs.diffusion.transformer_names import (
    flux_from_original,
    flux_layers,
    numbered,
    sd3_from_original,
    sd3_layers,
)
from inhouse.packs.diffusion.weights import Weights, read_origin, weights_of


def read(weights: Weights) -> dict[str, torch.Tensor]:
    with next(iter(weights.values())).file.reader() as reader:
        return {name: read_origin(reader, origin) for name, origin in weights.items()}


def test_original_stable_diffusion_3_becomes_diffusers_tensor_by_tensor(tmp_path: Path) -> None:
    for newer in (False, True):
        wanted = sd3(newer=newer).state_dict()
        path = save(tmp_path / f"{newer}.safetensors", sd3_original(wanted, 3))
        found = read(sd3_from_original(weights_of([open_model(path)])))
        assert found.keys() == wanted.keys()
        assert all(torch.equal(found[name], wanted[name]) for name in wanted)


def test_stability_ais_layout_is_read_as_diffusers_reads_it(tmp_path: Path) -> None:
    from diffusers.loaders.single_file_utils import convert_sd3_transformer_checkpoint_to_diffusers

    original = sd3_original(sd3(newer=True).state_dict(), 3)
    path = save(tmp_path / "m.safetensors", original)
    wanted = convert_sd3_transformer_checkpoint_to_diffusers(dict(original))
    found = read(sd3_from_original(weights_of([open_model(path)])))
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)


def test_original_flux_becomes_diffusers_tensor_by_tensor(tmp_path: Path) -> None:
    for guided in (False, True):
        wanted = flux(guided=guided).state_dict()
        path = save(tmp_path / f"{guided}.safetensors", flux_original(wanted, 2, 2))
        found = read(flux_from_original(weights_of([open_model(path)])))
        assert found.keys() == wanted.keys()
        assert all(torch.equal(found[name], wanted[name]) for name in wanted)


def test_no_two_layers_of_the_original_are_one_of_ours() -> None:
    for layers in (sd3_layers(4), flux_layers(3, 5)):
        ours = [name for pieces in layers.values() for name, _ in pieces]
        assert len(ours) == len(set(ours))


def test_blocks_are_counted_up_to_the_first_hole() -> None:
    names = ["blocks.0.x", "blocks.1.x", "blocks.3.x", "blocks.900000000.x", "other.2.x"]
    assert numbered(names, "blocks") == 2
