"""Nodes that choose a sampler, with the options that its paper has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from inhouse import Choices, Range, node
from inhouse.packs.diffusion.nodes.sampling import SamplerName
from inhouse.packs.diffusion.wires import Model, Sampler

if TYPE_CHECKING:
    from inhouse.packs.diffusion.samplers.base import Sampler as AnySampler

SAMPLERS = "sampling/custom_sampling/samplers"
Amount = Annotated[float, Range(0, 100, step=0.01)]
Percent = Annotated[float, Range(0, 1, step=0.001)]
Solver = Annotated[str, Choices(("midpoint", "heun"))]
NoiseDevice = Annotated[str, Choices(("gpu", "cpu"))]


@node("KSamplerSelect", category=SAMPLERS)
def select(*, sampler_name: SamplerName) -> Sampler:
    """Choose a sampler by its name."""
    from inhouse.packs.diffusion.sampling import find_sampler

    return find_sampler(sampler_name)


@node("SamplerEulerAncestral", category=SAMPLERS)
def euler_ancestral(*, eta: Amount = 1.0, s_noise: Amount = 1.0) -> Sampler:
    """Follow Euler's method below each level, then add noise."""
    from dataclasses import replace

    from inhouse.packs.diffusion.samplers.euler import euler_ancestral as sampler

    return _noisier(replace(sampler, eta=eta), s_noise)


@node("SamplerEulerAncestralCFGPP", category=SAMPLERS, display_name="SamplerEulerAncestralCFG++")
def euler_ancestral_cfg_pp(
    *,
    eta: Annotated[float, Range(0, 1, step=0.01)] = 1.0,
    s_noise: Annotated[float, Range(0, 10, step=0.01)] = 1.0,
) -> Sampler:
    """Follow Euler's method under CFG++ below each level, then add noise."""
    from functools import partial

    from inhouse.packs.diffusion.samplers.cfg_pp import euler_ancestral_cfg_pp as sampler

    return _noisier(partial(sampler, eta=eta), s_noise)


@node("SamplerDPMPP_2S_Ancestral", category=SAMPLERS)
def dpmpp_2s_ancestral(*, eta: Amount = 1.0, s_noise: Amount = 1.0) -> Sampler:
    """Follow DPM-Solver++(2S) below each level, then add noise."""
    from dataclasses import replace

    from inhouse.packs.diffusion.samplers.dpmpp import dpmpp_2s_ancestral as sampler

    return _noisier(replace(sampler, eta=eta), s_noise)


@node("SamplerDPMPP_2M_SDE", category=SAMPLERS)
def dpmpp_2m_sde(
    *, solver_type: Solver, eta: Amount = 1.0, s_noise: Amount = 1.0, noise_device: NoiseDevice
) -> Sampler:
    """Solve the reverse SDE by DPM-Solver++(2M)."""
    from functools import partial

    from inhouse.packs.diffusion.samplers import dpmpp_sde

    sampler = dpmpp_sde.dpmpp_2m_sde_heun if solver_type == "heun" else dpmpp_sde.dpmpp_2m_sde
    return _noisier(partial(sampler, eta=eta), s_noise, noise_device)


@node("SamplerDPMPP_3M_SDE", category=SAMPLERS)
def dpmpp_3m_sde(*, eta: Amount = 1.0, s_noise: Amount = 1.0, noise_device: NoiseDevice) -> Sampler:
    """Solve the reverse SDE by DPM-Solver++(3M)."""
    from functools import partial

    from inhouse.packs.diffusion.samplers.dpmpp_sde import dpmpp_3m_sde as sampler

    return _noisier(partial(sampler, eta=eta), s_noise, noise_device)


@node("SamplerDPMPP_SDE", category=SAMPLERS)
def dpmpp_sde(*, eta: Amount = 1.0, s_noise: Amount = 1.0, r: Amount = 0.5, noise_device: NoiseDevice) -> Sampler:
    """Solve the reverse SDE by DPM-Solver++(S), with noise inside a step too."""
    from functools import partial

    from inhouse.packs.diffusion.samplers.dpmpp import dpmpp_sde as sampler

    return _noisier(partial(sampler, eta=eta, r=max(r, 0.01)), s_noise, noise_device)


@node("SamplerDPMAdaptative", category=SAMPLERS)
def dpm_adaptive(
    *,
    order: Annotated[int, Range(2, 3)] = 3,
    rtol: Amount = 0.05,
    atol: Amount = 0.0078,
    h_init: Amount = 0.05,
    pcoeff: Amount = 0.0,
    icoeff: Amount = 1.0,
    dcoeff: Amount = 0.0,
    accept_safety: Amount = 0.81,
    eta: Amount = 0.0,
    s_noise: Amount = 1.0,
) -> Sampler:
    """Choose the steps by the errors: DPM-Solver-12 or -23."""
    from inhouse.packs.diffusion.samplers.dpm import DpmAdaptive, StepSize

    step_size = StepSize(h_init, pcoeff, icoeff, dcoeff, accept_safety)
    return _noisier(DpmAdaptive(order, rtol, atol, step_size, eta), s_noise)


@node("SamplerLMS", category=SAMPLERS)
def lms(*, order: Annotated[int, Range(1, 100)] = 4) -> Sampler:
    """Integrate a polynomial through the last directions."""
    from functools import partial

    from inhouse.packs.diffusion.samplers.adams import lms as sampler

    return partial(sampler, order=order)


@node("SamplerER_SDE", category=SAMPLERS)
def er_sde(
    *,
    solver_type: Annotated[str, Choices(("ER-SDE", "Reverse-time SDE", "ODE"))],
    max_stage: Annotated[int, Range(1, 3)] = 3,
    eta: Amount = 1.0,
    s_noise: Amount = 1.0,
) -> Sampler:
    """Solve a reverse SDE whose noise is the extended one, that of the process (by eta), or none."""
    from functools import partial

    from inhouse.packs.diffusion.samplers import er_sde as solver

    phi = {"ODE": solver.reverse_time(0), "Reverse-time SDE": solver.reverse_time(eta)}.get(
        solver_type, solver.noise_scale
    )
    return _noisier(partial(solver.er_sde, phi=phi, order=max_stage), s_noise)


@node("SamplerSASolver", category=SAMPLERS)
def sa_solver(
    *,
    model: Model,
    eta: Annotated[float, Range(0, 10, step=0.01)] = 1.0,
    sde_start_percent: Percent = 0.2,
    sde_end_percent: Percent = 0.8,
    s_noise: Amount = 1.0,
    predictor_order: Annotated[int, Range(1, 6)] = 3,
    corrector_order: Annotated[int, Range(0, 6)] = 4,
    use_pece: bool,
    simple_order_2: bool,
) -> Sampler:
    """Predict and correct by a stochastic Adams method, with noise between two shares of the sampling."""
    from inhouse.packs.diffusion.samplers.sa_solver import SaSolver

    high, low = (model.prediction.percent_to_sigma(share) for share in (sde_start_percent, sde_end_percent))
    sampler = SaSolver(eta, (high, low), predictor_order, corrector_order, use_pece, simple_order_2)
    return _noisier(sampler, s_noise)


def _noisier(sampler: AnySampler, s_noise: float, device: str = "cpu") -> AnySampler:
    from inhouse.packs.diffusion.samplers.registry import WithNoise

    return WithNoise(sampler, s_noise, on_device=device == "gpu")


NODES = [
    select,
    euler_ancestral,
    euler_ancestral_cfg_pp,
    dpmpp_2s_ancestral,
    dpmpp_2m_sde,
    dpmpp_3m_sde,
    dpmpp_sde,
    dpm_adaptive,
    lms,
    er_sde,
    sa_solver,
]
