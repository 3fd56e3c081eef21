"""Nodes that say what a model predicts, over which noise levels."""

from __future__ import annotations

from typing import Annotated

from inhouse import Choices, Range, node
from inhouse.packs.diffusion.wires import Model

CATEGORY = "advanced/model"
Level = Annotated[float, Range(0, 1000, step=0.001)]


@node("ModelSamplingDiscrete", category=CATEGORY)
def discrete(
    *,
    model: Model,
    sampling: Annotated[str, Choices(("eps", "v_prediction", "lcm", "x0", "img_to_img"))],
    zsnr: bool = False,
) -> Model:
    """Say what a model of Stable Diffusion's timesteps predicts, and whether they end in pure noise."""
    from inhouse.packs.diffusion import model_sampling

    return model_sampling.discrete(model, sampling, zero_terminal_snr=zsnr)


@node("ModelSamplingContinuousEDM", category=CATEGORY)
def continuous(
    *,
    model: Model,
    sampling: Annotated[str, Choices(("v_prediction", "edm", "edm_playground_v2.5", "eps", "cosmos_rflow"))],
    sigma_max: Level = 120.0,
    sigma_min: Level = 0.002,
) -> Model:
    """Say what a model predicts that was trained on every noise level between two."""
    from inhouse.packs.diffusion import model_sampling

    return model_sampling.continuous(model, sampling, sigma_min, sigma_max)


@node("ModelSamplingContinuousV", category=CATEGORY)
def continuous_velocity(
    *,
    model: Model,
    sampling: Annotated[str, Choices(("v_prediction",))],  # noqa: ARG001 - on the wire
    sigma_max: Level = 500.0,
    sigma_min: Level = 0.03,
) -> Model:
    """Say that a model predicts velocities over every noise level between two, known by its angle."""
    from inhouse.packs.diffusion import model_sampling

    return model_sampling.continuous_velocity(model, sigma_min, sigma_max)


NODES = [discrete, continuous, continuous_velocity]
