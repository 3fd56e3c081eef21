"""The attention that denoising networks are given."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from inhouse.backends.attention import implementation
from inhouse.backends.compute import Compute
from inhouse.packs.diffusion.attention import attention_of


def drawn() -> tuple[Tensor, Tensor, Tensor]:
    query, key, value = torch.randn(3, 1, 9, 8, generator=torch.Generator().manual_seed(0))
    return query, key, value


@pytest.mark.parametrize("wanted", ["auto", "sliced"])
def test_a_setting_or_a_node_chooses(wanted: str) -> None:
    attend = attention_of(Compute(attention="plain"), "cpu", wanted)
    name = "plain" if wanted == "auto" else wanted
    assert attend(*drawn(), 2, None).equal(implementation(name).attend(*drawn(), 2))


def test_a_reference_has_its_own_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    attend = attention_of(Compute.for_reference(), "cpu", "plain")
    assert attend(*drawn(), 2, None).equal(implementation("sdpa").attend(*drawn(), 2))
    assert "a reference run uses sdpa" in caplog.text
