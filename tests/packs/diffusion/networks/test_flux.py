from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from tests.packs.diffusion.transformers import flux
from torch import Tensor

from inhouse.packs.diffusion.networks.attention import plain
from inhouse.packs.diffusion.networks.flux import FluxSpec, FluxTransformer
from inhouse.packs.diffusion.networks.inputs import NetworkInputs, Residuals
from inhouse.packs.diffusion.patches import Patches, Place, Site, Tensors


def ours(theirs: Any) -> FluxTransformer:
    tensors = theirs.state_dict()
    network = FluxTransformer(FluxSpec.from_shapes({name: tuple(tensor.shape) for name, tensor in tensors.items()}))
    network.load_state_dict(tensors)
    return network.eval()


def told(size: tuple[int, int] = (8, 6), batch: int = 2) -> tuple[Tensor, Tensor, NetworkInputs]:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(batch, 16, *size, generator=generator)
    context = torch.randn(batch, 7, 48, generator=generator)
    vector = torch.randn(batch, 40, generator=generator)
    return x, torch.linspace(0.1, 0.9, batch), NetworkInputs(context, vector, torch.full((batch,), 3.5))


def asked(theirs: Any, x: Tensor, timestep: Tensor, inputs: NetworkInputs, **more: Any) -> Tensor:
    """Return what diffusers' network predicts, packed and unpacked as its pipeline does."""
    from diffusers import FluxPipeline

    batch, channels, height, width = x.shape
    packed = FluxPipeline._pack_latents(x, batch, channels, height, width)
    ids = FluxPipeline._prepare_latent_image_ids(batch, height // 2, width // 2, "cpu", torch.float32)
    output = theirs(
        packed,
        inputs.context,
        inputs.vector,
        timestep,
        ids,
        torch.zeros(inputs.context.shape[1], 3),
        inputs.guidance,
        **more,
    ).sample
    unpacked: Tensor = FluxPipeline._unpack_latents(output, height * 8, width * 8, 8)
    return unpacked


def test_it_computes_what_diffusers_computes() -> None:
    theirs, (x, timestep, inputs) = flux(), told()
    with torch.inference_mode():
        wanted = asked(theirs, x, timestep, inputs)
        got = ours(theirs)(x, timestep, inputs)
    assert wanted.std() > 0.1
    torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-5)


def test_a_network_that_takes_no_guidance_is_not_told_of_it() -> None:
    theirs, (x, timestep, inputs) = flux(guided=False), told()
    with torch.inference_mode():
        wanted = asked(theirs, x, timestep, replace(inputs, guidance=None))
        torch.testing.assert_close(ours(theirs)(x, timestep, inputs), wanted, rtol=1e-4, atol=1e-5)


def test_guidance_can_be_left_out_where_it_is_taken() -> None:
    network, (x, timestep, inputs) = ours(flux()), told()
    with torch.inference_mode():
        without = network(x, timestep, replace(inputs, guidance=None))
        assert not torch.allclose(without, network(x, timestep, inputs))


def test_the_architecture_is_read_off_the_shapes() -> None:
    shapes = {name: tuple(tensor.shape) for name, tensor in flux().state_dict().items()}
    spec = FluxSpec.from_shapes(shapes)
    assert (spec.doubles, spec.singles, spec.head_channels, spec.guided, spec.axes) == (2, 2, 32, True, (4, 14, 14))
    assert (spec.in_channels, spec.out_channels, spec.context, spec.vector) == (16, 16, 48, 40)
    assert replace(spec, head_channels=128).axes == (16, 56, 56)
    with pytest.raises(KeyError, match=r"x_embedder\.weight"):
        FluxSpec.from_shapes({})


@pytest.mark.parametrize("size", [(7, 6), (5, 9), (1, 1)])
def test_odd_sides_are_padded_and_cut_again(size: tuple[int, int]) -> None:
    x, timestep, inputs = told(size)
    with torch.inference_mode():
        assert ours(flux())(x, timestep, inputs).shape == x.shape


def test_patches_reach_blocks_of_both_kinds() -> None:
    network, (x, timestep, inputs) = ours(flux()), told()
    places: list[tuple[str, int]] = []
    tokens: list[int] = []

    def skip(run: Any, tensors: Tensors, place: Place) -> Tensors:
        places.append((place.part, place.block))
        changed: Tensors = {} if place.part == "single" else run(tensors)
        return changed

    def watched(query: Tensor, key: Tensor, value: Tensor, heads: int, site: Site | None) -> Tensor:
        tokens.append(query.shape[1])
        return plain(query, key, value, heads, site)

    with torch.inference_mode():
        skipped = network(x, timestep, inputs, patches=Patches(blocks=(skip,)), attend=watched)
        assert not torch.allclose(skipped, network(x, timestep, inputs))
    assert places == [("double", 0), ("double", 1), ("single", 0), ("single", 1)]
    assert tokens == [12 + 7] * 2


def test_residuals_of_a_controlnet_are_added_as_diffusers_adds_them() -> None:
    theirs, (x, timestep, inputs) = flux(), told()
    residuals = [torch.randn(2, 12, 64) for _ in range(4)]
    with torch.inference_mode():
        wanted = asked(
            theirs,
            x,
            timestep,
            inputs,
            controlnet_block_samples=residuals[:2],
            controlnet_single_block_samples=residuals[2:],
        )
        got = ours(theirs)(x, timestep, replace(inputs, residuals=Residuals(blocks=tuple(residuals))))
    torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-5)
