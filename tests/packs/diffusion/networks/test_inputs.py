from __future__ import annotations

import torch

from inhouse.packs.diffusion.networks.inputs import NetworkInputs, Residuals, added


def ones(batch: int, value: float = 1.0) -> torch.Tensor:
    return torch.full((batch, 2, 3, 3), value)


def test_samples_without_residuals_get_zeros_beside_those_that_have_some() -> None:
    joined = Residuals.join([(None, 2), (Residuals(skips=(None, ones(1)), middle=ones(1, 5.0)), 1)])
    assert joined is not None
    assert joined.skips[0] is None
    assert joined.skips[1] is not None
    assert joined.skips[1].mean(dim=(1, 2, 3)).tolist() == [0, 0, 1]
    assert joined.middle is not None
    assert joined.middle.mean(dim=(1, 2, 3)).tolist() == [0, 0, 5]
    assert Residuals.join([(None, 1), (None, 1)]) is None


def test_residuals_of_several_add_up() -> None:
    both = Residuals(skips=(ones(1),)) + Residuals(skips=(ones(1, 2.0), ones(1)), middle=ones(1))
    assert [float(found.mean()) for found in both.skips if found is not None] == [3, 1]
    assert both.middle is not None
    assert added(ones(1), both.skips, 0).eq(4).all()
    assert added(ones(1), both.skips, 7).eq(1).all()


def test_inputs_are_split_and_joined_again() -> None:
    inputs = NetworkInputs(
        torch.arange(6.0).reshape(3, 2, 1),
        vector=torch.arange(3.0)[:, None],
        sigma=torch.arange(3.0),
        negative=torch.tensor([False, True, True]),
        residuals=Residuals(middle=torch.arange(3.0)[:, None, None, None]),
    )
    first, rest = inputs.split([1, 2])
    assert (len(first.context), len(rest.context)) == (1, 2)
    again = NetworkInputs.join([first, rest])
    assert again.context.equal(inputs.context)
    assert again.sigma is not None
    assert again.sigma.tolist() == [0, 1, 2]
    assert again.residuals is not None
    assert again.residuals.middle is not None
    assert again.residuals.middle.flatten().tolist() == [0, 1, 2]


def test_only_what_is_computed_with_takes_the_networks_type() -> None:
    inputs = NetworkInputs(torch.ones(1, 2, 1), guidance=torch.ones(1), sigma=torch.ones(1), negative=torch.ones(1) > 0)
    placed = inputs.placed("cpu", torch.bfloat16)
    assert placed.context.dtype == torch.bfloat16
    assert placed.guidance is not None
    assert placed.guidance.dtype == torch.float32
    assert placed.negative is not None
    assert placed.negative.dtype == torch.bool
