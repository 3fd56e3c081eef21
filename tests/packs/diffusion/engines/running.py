"""What tests of all engines share: a network, and whether an engine gives what the network gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from tests.packs.diffusion.checkpoints import SD1, seeded

from inhouse.packs.diffusion.engines.base import EngineNetwork
from inhouse.packs.diffusion.networks.inputs import NetworkInputs
from inhouse.packs.diffusion.networks.unet import UNet

if TYPE_CHECKING:
    import pytest

    from inhouse.packs.diffusion.engines.base import Engine


def check_equal(engine: Engine, caplog: pytest.LogCaptureFixture, dtype: torch.dtype, tolerance: float) -> None:
    """Compare an engine with the network, at one size and two numbers of samples."""
    network = seeded(UNet(SD1)).to(dtype)
    run = EngineNetwork(network, engine)
    generator = torch.Generator().manual_seed(0)
    for batch in (2, 1):
        x = torch.randn(batch, 4, 8, 8, generator=generator).to(dtype)
        timestep = torch.linspace(100, 900, batch)
        inputs = NetworkInputs(torch.randn(batch, 7, 64, generator=generator).to(dtype))
        with torch.inference_mode():
            found, expected = run(x, timestep, inputs), network(x, timestep, inputs)
        assert found.dtype == expected.dtype
        torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance)
    assert "is not used" not in caplog.text
