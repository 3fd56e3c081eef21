from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from tests.packs.diffusion.transformers import sd3
from torch import Tensor

from inhouse.errors import NodeInputError
from inhouse.packs.diffusion.networks.attention import plain
from inhouse.packs.diffusion.networks.inputs import NetworkInputs, Residuals
from inhouse.packs.diffusion.networks.sd3 import SD3Spec, SD3Transformer
from inhouse.packs.diffusion.patches import Attention, Patches, Place, Site, Tensors


def ours(theirs: Any) -> SD3Transformer:
    tensors = theirs.state_dict()
    network = SD3Transformer(SD3Spec.from_shapes({name: tuple(tensor.shape) for name, tensor in tensors.items()}))
    network.load_state_dict(tensors)
    return network.eval()


def told(size: tuple[int, int] = (8, 6), batch: int = 2) -> tuple[Tensor, Tensor, NetworkInputs]:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(batch, 16, *size, generator=generator)
    context = torch.randn(batch, 7, 48, generator=generator)
    vector = torch.randn(batch, 40, generator=generator)
    return x, torch.linspace(100, 900, batch), NetworkInputs(context, vector)


@pytest.mark.parametrize("newer", [False, True])
def test_it_computes_what_diffusers_computes(newer: bool) -> None:  # noqa: FBT001
    theirs, (x, timestep, inputs) = sd3(newer=newer), told()
    with torch.inference_mode():
        wanted = theirs(x, inputs.context, inputs.vector, timestep).sample
        got = ours(theirs)(x, timestep, inputs)
    assert wanted.std() > 0.1
    torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-5)


def test_the_architecture_is_read_off_the_shapes() -> None:
    shapes = {name: tuple(tensor.shape) for name, tensor in sd3(newer=True).state_dict().items()}
    spec = SD3Spec.from_shapes(shapes)
    assert (spec.blocks, spec.dual, spec.normed, spec.head_channels, spec.positions) == (3, (0, 1), True, 16, 12)
    assert (spec.in_channels, spec.out_channels, spec.context, spec.vector) == (16, 16, 48, 40)
    with pytest.raises(KeyError, match=r"context_embedder\.weight"):
        SD3Spec.from_shapes({name: shape for name, shape in shapes.items() if not name.startswith("context")})


@pytest.mark.parametrize("size", [(7, 6), (5, 9), (1, 1)])
def test_odd_sides_are_padded_and_cut_again(size: tuple[int, int]) -> None:
    x, timestep, inputs = told(size)
    with torch.inference_mode():
        assert ours(sd3())(x, timestep, inputs).shape == x.shape


def test_a_latent_larger_than_the_model_knows_places_for_is_refused() -> None:
    x, timestep, inputs = told((8, 26))
    with torch.inference_mode(), pytest.raises(NodeInputError, match="13 x 4 tokens"):
        ours(sd3())(x, timestep, inputs)


def test_the_chosen_attention_computes_every_attention_and_is_told_where() -> None:
    network, sites = ours(sd3(newer=True)), []

    def watched(query: Tensor, key: Tensor, value: Tensor, heads: int, site: Site | None) -> Tensor:
        assert site is not None
        sites.append((site.part, site.block, site.height, site.width, query.shape[1]))
        return plain(query, key, value, heads, site)

    x, timestep, inputs = told()
    with torch.inference_mode():
        torch.testing.assert_close(network(x, timestep, inputs, attend=watched), network(x, timestep, inputs))
    joint, alone = 12 + 7, 12
    assert [site[-1] for site in sites] == [joint, alone, joint, alone, joint]
    assert sites[0][:4] == ("double", 0, 4, 3)


def test_patches_reach_attention_tokens_and_blocks() -> None:
    network, (x, timestep, inputs) = ours(sd3()), told()
    seen: list[str] = []

    def attention(
        attend: Attention, query: Tensor, key: Tensor, value: Tensor, heads: int, site: Site | None
    ) -> Tensor:
        seen.append("attention")
        return attend(query, key, value, heads, site)

    def tokens(query: Tensor, key: Tensor, value: Tensor, site: Site) -> tuple[Tensor, Tensor, Tensor]:
        seen.append(f"tokens {site.block}")
        return query * 2, key, value

    def attended(out: Tensor, site: Site) -> Tensor:
        seen.append(f"attended {site.block}")
        return out

    patches = Patches(attention=(attention,), tokens=(tokens,), attended=(attended,))
    with torch.inference_mode():
        changed = network(x, timestep, inputs, attend=patches.around_attention(plain), patches=patches)
        assert not torch.allclose(changed, network(x, timestep, inputs))
    assert seen == [f"{kind}" for i in range(3) for kind in (f"tokens {i}", "attention", f"attended {i}")]


def test_a_block_can_be_skipped_as_diffusers_skips_it() -> None:
    theirs, (x, timestep, inputs) = sd3(), told()

    def skip(run: Any, tensors: Tensors, place: Place) -> Tensors:
        changed: Tensors = {} if place.block == 1 else run(tensors)
        return changed

    with torch.inference_mode():
        wanted = theirs(x, inputs.context, inputs.vector, timestep, skip_layers=[1]).sample
        got = ours(theirs)(x, timestep, inputs, patches=Patches(blocks=(skip,)))
    torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-5)


def test_residuals_of_a_controlnet_are_added_as_diffusers_adds_them() -> None:
    theirs, (x, timestep, inputs) = sd3(), told()
    residuals = [torch.randn(2, 12, 128) for _ in range(3)]
    with torch.inference_mode():
        wanted = theirs(x, inputs.context, inputs.vector, timestep, block_controlnet_hidden_states=residuals).sample
        # Diffusers leaves the last block out: its text ends there.
        steered = replace(inputs, residuals=Residuals(blocks=(residuals[0], residuals[1], None)))
        got = ours(theirs)(x, timestep, steered)
    torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-5)
