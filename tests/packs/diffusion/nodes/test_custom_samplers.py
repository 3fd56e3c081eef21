from __future__ import annotations

import pytest
import torch
from tests.packs.diffusion.fakes import FakeNetwork
from tests.packs.diffusion.samplers.gaussian import GaussianDenoiser, even_in_log, noisy

from inhouse import NodeSpec
from inhouse.packs.diffusion.nodes import custom_samplers as nodes
from inhouse.packs.diffusion.noise import NoiseSource
from inhouse.packs.diffusion.samplers.base import Sampler
from inhouse.packs.diffusion.samplers.registry import SAMPLERS

MODEL = FakeNetwork()
SAME = {
    "euler_ancestral": nodes.euler_ancestral(),
    "euler_ancestral_cfg_pp": nodes.euler_ancestral_cfg_pp(),
    "dpmpp_2s_ancestral": nodes.dpmpp_2s_ancestral(),
    "dpmpp_2m_sde": nodes.dpmpp_2m_sde(solver_type="midpoint", noise_device="cpu"),
    "dpmpp_2m_sde_heun_gpu": nodes.dpmpp_2m_sde(solver_type="heun", noise_device="gpu"),
    "dpmpp_3m_sde": nodes.dpmpp_3m_sde(noise_device="cpu"),
    "dpmpp_sde": nodes.dpmpp_sde(noise_device="cpu"),
    "dpm_adaptive": nodes.dpm_adaptive(),
    "lms": nodes.lms(),
    "er_sde": nodes.er_sde(solver_type="ER-SDE"),
    "sa_solver": nodes.sa_solver(model=MODEL, use_pece=False, simple_order_2=False),
    "sa_solver_pece": nodes.sa_solver(model=MODEL, use_pece=True, simple_order_2=False),
    "heun": nodes.select(sampler_name="heun"),
}


def run(sampler: Sampler) -> torch.Tensor:
    return sampler(GaussianDenoiser(), noisy(4), even_in_log(6).float(), noise=NoiseSource(1))


@pytest.mark.parametrize("name", SAME)
def test_with_its_defaults_a_node_gives_the_sampler_that_has_its_name(name: str) -> None:
    assert run(SAME[name]).equal(run(SAMPLERS[name]))


@pytest.mark.parametrize(
    "sampler",
    [
        nodes.euler_ancestral(s_noise=0.5),
        nodes.dpmpp_sde(noise_device="cpu", r=0.0),
        nodes.er_sde(solver_type="ODE"),
        nodes.er_sde(solver_type="Reverse-time SDE", eta=0.5, max_stage=2),
        nodes.dpm_adaptive(order=2, eta=0.5),
        nodes.sa_solver(model=MODEL, eta=0.0, corrector_order=0, use_pece=True, simple_order_2=True),
    ],
)
def test_options_change_the_way_and_not_the_goal(sampler: Sampler) -> None:
    found = run(sampler)
    assert bool(found.isfinite().all())
    assert abs(float(found.mean()) - 0.7) < 1


def test_every_sampler_node_is_listed() -> None:
    listed = [value for value in vars(nodes).values() if isinstance(value, NodeSpec)]
    assert listed == nodes.NODES
