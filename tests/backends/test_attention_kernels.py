"""Every implementation of attention gives what the formula gives."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from inhouse.backends.attention import NAMES
from inhouse.backends.attention_kernels import TABLE, Implementation, in_slices, plain, sdpa

HERE = [row for row in TABLE if not row.lacking(torch.device("cpu"))]
HEADS = 4


def drawn(queries: int = 33, keys: int = 21) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return (
        torch.randn(2, queries, 32, generator=generator),
        torch.randn(2, keys, 32, generator=generator),
        torch.randn(2, keys, 32, generator=generator),
    )


def test_the_table_has_what_can_be_asked_for() -> None:
    assert [row.name for row in TABLE] == NAMES


def test_the_formula_is_what_the_paper_has() -> None:
    query, key, value = (tensor[:1, :, :8] for tensor in drawn())
    expected = (query[0] @ key[0].T / 8**0.5).softmax(dim=-1) @ value[0]
    torch.testing.assert_close(plain(query, key, value, 1)[0], expected)


@pytest.mark.parametrize("row", HERE, ids=lambda row: row.name)
def test_all_that_run_here_agree(row: Implementation) -> None:
    tensors = drawn()
    torch.testing.assert_close(row.attend(*tensors, HEADS), plain(*tensors, HEADS))
    torch.testing.assert_close(row.strict(*tensors, HEADS), plain(*tensors, HEADS))


@pytest.mark.parametrize("row", [row for row in TABLE if row not in HERE], ids=lambda row: row.name)
def test_what_is_for_graphics_cards_says_so(row: Implementation) -> None:
    assert row.lacking(torch.device("cpu")) == "is for graphics cards, not for cpu"


def test_what_one_kernel_cannot_do_is_done_by_the_formula() -> None:
    query, key, value = drawn()
    flash = next(row for row in TABLE if row.name == "flash")
    wide = value.repeat(1, 1, 2)  # values wider than keys, which the fused kernel does not take
    with pytest.raises(RuntimeError):
        flash.strict(query, key, wide, HEADS)
    torch.testing.assert_close(flash.attend(query, key, wide, HEADS), plain(query, key, wide, HEADS))


def test_scores_stay_within_a_budget_of_bytes() -> None:
    largest = 0

    def noted(query: Tensor, key: Tensor, value: Tensor, heads: int) -> Tensor:
        nonlocal largest
        largest = max(largest, query.shape[0] * heads * query.shape[1] * key.shape[1] * query.element_size())
        return sdpa(query, key, value, heads)

    tensors = drawn()
    sliced = in_slices(noted, most_bytes=5000)
    torch.testing.assert_close(sliced(*tensors, HEADS), plain(*tensors, HEADS))
    assert 2500 < largest <= 5000


def test_a_budget_that_is_too_small_for_one_query_takes_one_at_a_time() -> None:
    tensors = drawn(queries=3)
    torch.testing.assert_close(in_slices(plain, most_bytes=1)(*tensors, HEADS), plain(*tensors, HEADS))
