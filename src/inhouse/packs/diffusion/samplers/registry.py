"""The table of samplers by the names that workflows know them by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from inhouse.packs.diffusion.samplers.adams import ipndm, ipndm_v, lms
from inhouse.packs.diffusion.samplers.base import Callback, Denoiser, Sampler, ignore
from inhouse.packs.diffusion.samplers.cfg_pp import (
    dpmpp_2m_cfg_pp,
    dpmpp_2s_ancestral_cfg_pp,
    euler_ancestral_cfg_pp,
    euler_cfg_pp,
)
from inhouse.packs.diffusion.samplers.ddpm import ddpm
from inhouse.packs.diffusion.samplers.deis import deis
from inhouse.packs.diffusion.samplers.dpm import dpm_adaptive, dpm_fast
from inhouse.packs.diffusion.samplers.dpm_2 import dpm_2, dpm_2_ancestral
from inhouse.packs.diffusion.samplers.dpmpp import dpmpp_2m, dpmpp_2s_ancestral, dpmpp_sde
from inhouse.packs.diffusion.samplers.dpmpp_sde import dpmpp_2m_sde, dpmpp_2m_sde_heun, dpmpp_3m_sde
from inhouse.packs.diffusion.samplers.er_sde import er_sde
from inhouse.packs.diffusion.samplers.euler import euler, euler_ancestral
from inhouse.packs.diffusion.samplers.gradient_estimation import gradient_estimation, gradient_estimation_cfg_pp
from inhouse.packs.diffusion.samplers.heun import heun, heunpp2
from inhouse.packs.diffusion.samplers.lcm import lcm
from inhouse.packs.diffusion.samplers.res_multistep import (
    res_multistep,
    res_multistep_ancestral,
    res_multistep_ancestral_cfg_pp,
    res_multistep_cfg_pp,
)
from inhouse.packs.diffusion.samplers.sa_solver import sa_solver, sa_solver_pece
from inhouse.packs.diffusion.samplers.seeds import seeds_2, seeds_3
from inhouse.packs.diffusion.samplers.uni_pc import uni_pc, uni_pc_bh2

if TYPE_CHECKING:
    from torch import Tensor

    from inhouse.packs.diffusion.noise import NoiseSource


@dataclass(frozen=True)
class WithNoise:
    """A sampler that gets its noise otherwise.

    Attributes:
        sampler: the sampler.
        scale: standard deviation of the noise.
        on_device: whether its Brownian tree lives on the latent's device: other pictures there, and no transfers.

    """

    sampler: Sampler
    scale: float = 1.0
    on_device: bool = False

    def __call__(
        self, denoiser: Denoiser, x: Tensor, sigmas: Tensor, *, noise: NoiseSource, callback: Callback = ignore
    ) -> Tensor:
        """Return the latent at the last level; see `Sampler`."""
        place = None if self.on_device else noise.brownian_device
        noise = replace(noise, scale=noise.scale * self.scale, brownian_device=place)
        return self.sampler(denoiser, x, sigmas, noise=noise, callback=callback)


SAMPLERS: Mapping[str, Sampler] = MappingProxyType(
    {
        "euler": euler,
        "euler_cfg_pp": euler_cfg_pp,
        "euler_ancestral": euler_ancestral,
        "euler_ancestral_cfg_pp": euler_ancestral_cfg_pp,
        "heun": heun,
        "heunpp2": heunpp2,
        "dpm_2": dpm_2,
        "dpm_2_ancestral": dpm_2_ancestral,
        "lms": lms,
        "dpm_fast": dpm_fast,
        "dpm_adaptive": dpm_adaptive,
        "dpmpp_2s_ancestral": dpmpp_2s_ancestral,
        "dpmpp_2s_ancestral_cfg_pp": dpmpp_2s_ancestral_cfg_pp,
        "dpmpp_sde": dpmpp_sde,
        "dpmpp_sde_gpu": WithNoise(dpmpp_sde, on_device=True),
        "dpmpp_2m": dpmpp_2m,
        "dpmpp_2m_cfg_pp": dpmpp_2m_cfg_pp,
        "dpmpp_2m_sde": dpmpp_2m_sde,
        "dpmpp_2m_sde_gpu": WithNoise(dpmpp_2m_sde, on_device=True),
        "dpmpp_2m_sde_heun": dpmpp_2m_sde_heun,
        "dpmpp_2m_sde_heun_gpu": WithNoise(dpmpp_2m_sde_heun, on_device=True),
        "dpmpp_3m_sde": dpmpp_3m_sde,
        "dpmpp_3m_sde_gpu": WithNoise(dpmpp_3m_sde, on_device=True),
        "ddpm": ddpm,
        "lcm": lcm,
        "ipndm": ipndm,
        "ipndm_v": ipndm_v,
        "deis": deis,
        "res_multistep": res_multistep,
        "res_multistep_cfg_pp": res_multistep_cfg_pp,
        "res_multistep_ancestral": res_multistep_ancestral,
        "res_multistep_ancestral_cfg_pp": res_multistep_ancestral_cfg_pp,
        "gradient_estimation": gradient_estimation,
        "gradient_estimation_cfg_pp": gradient_estimation_cfg_pp,
        "er_sde": er_sde,
        "seeds_2": seeds_2,
        "seeds_3": seeds_3,
        "sa_solver": sa_solver,
        "sa_solver_pece": sa_solver_pece,
        "ddim": euler,
        "uni_pc": uni_pc,
        "uni_pc_bh2": uni_pc_bh2,
    }
)
