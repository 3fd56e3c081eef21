"""A network that an engine runs wherever that can be."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
import torch
from tests.packs.diffusion.checkpoints import SD1, seeded
from torch import Tensor, nn

from inhouse.packs.diffusion.engines.base import Compiled, EngineNetwork, Shape, Told
from inhouse.packs.diffusion.networks.inputs import NetworkInputs, Residuals
from inhouse.packs.diffusion.networks.unet import UNet
from inhouse.packs.diffusion.patches import Patches


@dataclass
class Doubling:
    """Doubles the latent, so that it is seen who answered."""

    reason: str = ""
    failure: Exception | None = None
    shapes: list[Shape] = field(default_factory=list)
    name: str = "doubling"

    def lacking(self) -> str:
        return self.reason

    def compile(self, network: nn.Module, shape: Shape, example: Told) -> Compiled:
        del network, example
        self.shapes.append(shape)
        if self.failure:
            raise self.failure
        return lambda told: told[0] * 2


def told(batch: int = 1, side: int = 8) -> tuple[Tensor, Tensor, NetworkInputs]:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(batch, 4, side, side, generator=generator)
    return x, torch.full((batch,), 500.0), NetworkInputs(torch.randn(batch, 7, 64, generator=generator))


@pytest.fixture(scope="module")
def network() -> nn.Module:
    return seeded(UNet(SD1))


@torch.inference_mode()
def test_it_is_compiled_once_for_each_shape_of_a_sample(network: nn.Module) -> None:
    engine = Doubling()
    run = EngineNetwork(network, engine)
    for batch, side in ((1, 8), (3, 8), (1, 16)):
        x, timestep, inputs = told(batch, side)
        assert run(x, timestep, inputs).equal(x * 2)
    assert [shape.sizes for shape in engine.shapes] == [((4, side, side), (), (7, 64)) for side in (8, 16)]


@torch.inference_mode()
@pytest.mark.parametrize(
    ("patches", "residuals", "reason"),
    [
        (Patches(middle=(lambda h, _: h,)), None, "the model is patched (middle)"),
        (Patches(), Residuals(middle=torch.zeros(1, 64, 4, 4)), "a ControlNet"),
    ],
)
def test_what_is_not_compiled_is_left_to_the_network_and_told(
    network: nn.Module,
    patches: Patches,
    residuals: Residuals | None,
    reason: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    x, timestep, inputs = told()
    inputs = NetworkInputs(inputs.context, residuals=residuals)
    run = EngineNetwork(network, Doubling())
    for _ in range(2):
        assert run(x, timestep, inputs, patches=patches).equal(network(x, timestep, inputs, patches=patches))
    assert caplog.text.count(reason) == 1


@torch.inference_mode()
@pytest.mark.parametrize(
    ("engine", "reason"),
    [
        (Doubling(reason="the package is not installed"), "the package is not installed"),
        (Doubling(failure=RuntimeError("\n no such operator: sin.\nmore")), "RuntimeError: no such operator: sin"),
    ],
)
def test_an_engine_that_fails_leaves_the_network_and_says_why(
    network: nn.Module, engine: Doubling, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    run = EngineNetwork(network, engine)
    for _ in range(2):
        assert run(*told()).equal(network(*told()))
    assert caplog.text.count(reason) == 1


@torch.inference_mode()
def test_running_out_of_memory_is_no_reason_to_take_more_of_it(network: nn.Module) -> None:
    run = EngineNetwork(network, Doubling(failure=MemoryError()))
    with pytest.raises(MemoryError):
        run(*told())


def test_vectors_and_guidance_are_inputs_only_where_they_are_given() -> None:
    x, timestep, inputs = told()
    shape, tensors = Shape.of(x, timestep, NetworkInputs(inputs.context, guidance=torch.ones(1)))
    assert shape.names == ("x", "timestep", "context", "guidance")
    assert len(tensors) == 4
