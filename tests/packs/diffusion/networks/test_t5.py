from __future__ import annotations

import pytest
import torch
from tests.packs.diffusion.transformers import t5

from inhouse.packs.diffusion.networks.t5 import T5Spec, T5Transformer


@pytest.mark.parametrize("gated", [True, False])
def test_it_computes_what_transformers_computes(gated: bool) -> None:  # noqa: FBT001
    theirs = t5(gated=gated)
    tensors = theirs.state_dict()
    spec = T5Spec.from_shapes({name: tuple(tensor.shape) for name, tensor in tensors.items()})
    assert (spec.layers, spec.heads, spec.buckets, spec.gated) == (2, 4, 8, gated)
    with torch.device("meta"):
        network = T5Transformer(spec)
    names = [name for name, _ in network.named_parameters()]
    assert "encoder.embed_tokens.weight" not in names
    network.load_state_dict({name: tensors[name] for name in names}, assign=True)
    ids = torch.randint(0, 64, (2, 20), generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        got = network.eval()(network.embed(ids))
        torch.testing.assert_close(got, theirs(ids).last_hidden_state, rtol=1e-4, atol=1e-5)


def test_a_missing_parameter_is_named() -> None:
    with pytest.raises(KeyError, match=r"shared\.weight"):
        T5Spec.from_shapes({})
