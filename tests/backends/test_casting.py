from __future__ import annotations

import pytest
import torch

from inhouse.backends.casting import cast_into

COMPUTED = (torch.float32, torch.bfloat16, torch.float16)


@pytest.mark.parametrize("dtype", COMPUTED)
def test_every_number_of_eight_bits_is_cast_as_torch_does(dtype: torch.dtype) -> None:
    every = torch.arange(256, dtype=torch.int16).to(torch.uint8).view(torch.float8_e4m3fn)
    numbers = every[~every.float().isnan()]
    assert cast_into(torch.empty(254, dtype=dtype), numbers).equal(numbers.to(dtype))


@pytest.mark.parametrize("dtype", COMPUTED)
def test_every_half_is_cast_as_torch_does(dtype: torch.dtype) -> None:
    every = torch.arange(2**16).to(torch.uint16).view(torch.float16).repeat(3)
    cast = cast_into(torch.empty(every.shape, dtype=dtype), every)
    torch.testing.assert_close(cast, every.to(dtype), rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("dtype", [torch.float8_e4m3fn, torch.float8_e5m2, torch.float16, torch.float64])
def test_the_order_of_values_in_memory_does_not_matter(dtype: torch.dtype) -> None:
    stored = torch.arange(6.0).reshape(2, 3).to(dtype).T
    for target in (torch.empty(3, 2, dtype=torch.bfloat16), torch.empty(2, 3, dtype=torch.bfloat16).T):
        assert cast_into(target, stored).equal(stored.to(torch.bfloat16))
