from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from inhouse.packs.diffusion.adapters import Roles, adapter_of, change_of
from inhouse.packs.diffusion.rows import Rows


def rand(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(sum(shape))) + 0.1


def changed(weight: Tensor, roles: Roles, strength: float = 1.0) -> Tensor:
    change = change_of(roles)
    assert change is not None
    assert change.fits(tuple(weight.shape))
    assert not change.fits((weight.shape[0] + 1, *weight.shape[1:]))
    return change.apply(weight, strength)


def test_lora_adds_a_product_scaled_by_alpha_over_rank() -> None:
    weight, up, down = rand(6, 5), rand(6, 2), rand(2, 5)
    expected = weight + 0.5 * (3 / 2) * up @ down
    torch.testing.assert_close(changed(weight, {"up": up, "down": down, "alpha": torch.tensor(3.0)}, 0.5), expected)


def test_without_alpha_the_scale_is_one() -> None:
    weight, up, down = rand(6, 5), rand(6, 2), rand(2, 5)
    torch.testing.assert_close(changed(weight, {"up": up, "down": down}), weight + up @ down)


def test_half_precision_files_are_computed_in_float32() -> None:
    weight, up, down = rand(6, 5), rand(6, 2).half(), rand(2, 5).half()
    torch.testing.assert_close(changed(weight, {"up": up, "down": down}), weight + up.float() @ down.float())


def test_a_convolutions_lora_is_one_convolution_after_another() -> None:
    weight, up, down = rand(6, 4, 3, 3), rand(6, 2, 1, 1), rand(2, 4, 3, 3)
    picture = rand(1, 4, 7, 7)
    expected = functional.conv2d(picture, weight) + functional.conv2d(functional.conv2d(picture, down), up)
    torch.testing.assert_close(functional.conv2d(picture, changed(weight, {"up": up, "down": down})), expected)


def test_a_middle_part_stands_between() -> None:
    weight, up, mid, down = rand(6, 4, 3, 3), rand(6, 2, 1, 1), rand(2, 2, 3, 3), rand(2, 4, 1, 1)
    picture = rand(1, 4, 7, 7)
    inner = functional.conv2d(functional.conv2d(picture, down), mid)
    expected = functional.conv2d(picture, weight) + functional.conv2d(inner, up)
    patched = changed(weight, {"up": up, "mid": mid, "down": down})
    torch.testing.assert_close(functional.conv2d(picture, patched), expected)


def test_loha_multiplies_two_products() -> None:
    weight, parts = rand(6, 5), [rand(6, 2), rand(2, 5), rand(6, 2) + 1, rand(2, 5) + 1]
    roles = dict(zip(("hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b"), parts, strict=True))
    expected = weight + 0.5 * (parts[0] @ parts[1]) * (parts[2] @ parts[3])
    torch.testing.assert_close(changed(weight, {**roles, "alpha": torch.tensor(1.0)}), expected)


def test_loha_of_a_convolution_has_cores() -> None:
    weight, core = rand(6, 5, 3, 3), rand(2, 2, 3, 3)
    roles = {"hada_w1_a": rand(2, 6), "hada_w1_b": rand(2, 5), "hada_w2_a": rand(2, 6) + 1, "hada_w2_b": rand(2, 5) + 1}
    half = torch.einsum("abkl,ao,bi->oikl", core, roles["hada_w1_a"], roles["hada_w1_b"])
    other = torch.einsum("abkl,ao,bi->oikl", core, roles["hada_w2_a"], roles["hada_w2_b"])
    patched = changed(weight, {**roles, "hada_t1": core, "hada_t2": core})
    torch.testing.assert_close(patched, weight + half * other)


def test_lokr_is_a_kronecker_product_and_ignores_alpha_when_whole() -> None:
    weight, first, second = rand(6, 8), rand(2, 4), rand(3, 2)
    roles = {"lokr_w1": first, "lokr_w2": second, "alpha": torch.tensor(9.0)}
    torch.testing.assert_close(changed(weight, roles), weight + torch.kron(first, second))


def test_lokr_may_be_of_low_rank_and_of_convolutions() -> None:
    weight, first, left, right = rand(6, 8, 3, 3), rand(2, 4), rand(3, 1), rand(1, 18)
    roles = {"lokr_w1": first, "lokr_w2_a": left, "lokr_w2_b": right, "alpha": torch.tensor(0.5)}
    second = (left @ right).reshape(3, 2, 3, 3)
    expected = torch.einsum("oi,pjkl->opijkl", first, second).reshape(6, 8, 3, 3) * 0.5
    torch.testing.assert_close(changed(weight, roles), weight + expected)


def test_lokr_may_have_a_core() -> None:
    weight, first, core = rand(6, 8, 3, 3), rand(2, 4), rand(2, 2, 3, 3)
    roles = {"lokr_w1": first, "lokr_w2_a": rand(2, 3), "lokr_w2_b": rand(2, 2), "lokr_t2": core}
    second = torch.einsum("abkl,ao,bi->oikl", core, roles["lokr_w2_a"], roles["lokr_w2_b"])
    expected = torch.einsum("oi,pjkl->opijkl", first, second).reshape(6, 8, 3, 3)
    torch.testing.assert_close(changed(weight, roles), weight + expected)


@pytest.mark.parametrize("shape", [(6, 5), (6,), (6, 5, 3, 3)])
def test_a_difference_is_added(shape: tuple[int, ...]) -> None:
    torch.testing.assert_close(changed(rand(*shape), {"diff": rand(*shape)}, 2.0), 3 * rand(*shape))


def test_dora_gives_columns_their_length() -> None:
    weight, up, down, magnitude = rand(6, 5), rand(6, 2), rand(2, 5), rand(1, 5)
    patched = changed(weight, {"up": up, "down": down, "dora_scale": magnitude})
    torch.testing.assert_close(patched.norm(dim=0, keepdim=True), magnitude)
    torch.testing.assert_close(functional.normalize(patched, dim=0), functional.normalize(weight + up @ down, dim=0))


def test_dora_scales_rows_by_their_length_before() -> None:
    weight, up, down, magnitude = rand(6, 5), rand(6, 2), rand(2, 5), rand(6, 1)
    patched = changed(weight, {"up": up, "down": down, "dora_scale": magnitude})
    torch.testing.assert_close(patched, (weight + up @ down) * magnitude / weight.norm(dim=1, keepdim=True))


def test_strength_leads_from_the_weight_to_doras() -> None:
    weight, roles = rand(6, 5), {"up": rand(6, 2), "down": rand(2, 5), "dora_scale": rand(1, 5)}
    assert changed(weight, roles, 0.0).equal(weight)
    torch.testing.assert_close(changed(weight, roles, 0.5), (weight + changed(weight, roles)) / 2)


@pytest.mark.parametrize(
    "roles", [{}, {"up"}, {"alpha"}, {"up", "down", "strange"}, {"lokr_w1"}, {"lokr_w1", "lokr_w2_a"}]
)
def test_an_incomplete_or_unknown_kind_is_none(roles: set[str]) -> None:
    assert adapter_of({role: rand(1, 1) for role in roles}) is None
    assert change_of({role: rand(1, 1) for role in roles}) is None


@pytest.mark.parametrize(
    "roles",
    [
        {"up": rand(6, 2), "down": rand(3, 5)},
        {"up": rand(6), "down": rand(2, 5)},
        {"up": rand(6, 2), "down": rand(2, 5), "alpha": rand(2)},
        {"up": rand(6, 2), "down": rand(2, 5), "dora_scale": rand(4, 1)},
        {"hada_w1_a": rand(6, 2), "hada_w1_b": rand(2, 5), "hada_w2_a": rand(7, 2), "hada_w2_b": rand(2, 5)},
    ],
)
def test_tensors_that_do_not_go_together_change_nothing(roles: dict[str, Tensor]) -> None:
    assert change_of(roles) is None


def test_some_rows_of_a_change_may_be_for_one_layer() -> None:
    roles = {"up": rand(6, 2), "down": rand(2, 5), "dora_scale": rand(6, 1)}
    whole, change = rand(6, 5), change_of(roles)
    assert change is not None
    assert change.fits((6, 5), whole=False)
    part = change.apply(whole[2:4], 0.5, Rows((1,), 3))
    torch.testing.assert_close(part, change.apply(whole, 0.5)[2:4])


def test_magnitudes_of_columns_need_all_rows() -> None:
    change = change_of({"up": rand(6, 2), "down": rand(2, 5), "dora_scale": rand(1, 5)})
    assert change is not None
    assert not change.fits((6, 5), whole=False)


def test_only_plain_products_are_of_low_rank() -> None:
    pair = {"up": rand(6, 2, 1, 1), "down": rand(2, 4, 3, 3)}
    change, core = change_of(pair), change_of({**pair, "down": rand(2, 4, 1, 1), "mid": rand(2, 2, 3, 3)})
    assert change is not None
    assert core is not None
    found = change.low_rank(Rows((1,), 2))
    assert found is not None
    assert found[0].equal(pair["up"][3:, :, 0, 0])
    assert core.low_rank() is None
