"""Every sampler under the name that ComfyUI gives it, in ComfyUI's order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from studio_engine.sampling.named import find_named
from studio_engine.sampling.samplers.cfg_pp import (
    dpmpp_2m_cfg_pp,
    dpmpp_2s_ancestral_cfg_pp,
    euler_ancestral_cfg_pp,
    euler_cfg_pp,
)
from studio_engine.sampling.samplers.ddpm import ddpm
from studio_engine.sampling.samplers.dpm2 import dpm_2, dpm_2_ancestral
from studio_engine.sampling.samplers.dpm_solver import dpm_adaptive, dpm_fast
from studio_engine.sampling.samplers.dpmpp import dpmpp_2m, dpmpp_2s_ancestral
from studio_engine.sampling.samplers.dpmpp_sde import Dpmpp2mSde, Dpmpp3mSde, DpmppSde
from studio_engine.sampling.samplers.er_sde import er_sde
from studio_engine.sampling.samplers.euler import ddim, euler, euler_ancestral
from studio_engine.sampling.samplers.gradient import gradient_estimation, gradient_estimation_cfg_pp
from studio_engine.sampling.samplers.heun import heun, heunpp2
from studio_engine.sampling.samplers.lcm import lcm
from studio_engine.sampling.samplers.multistep import deis, ipndm, ipndm_v, lms
from studio_engine.sampling.samplers.protocol import Sampler
from studio_engine.sampling.samplers.res import (
    res_multistep,
    res_multistep_ancestral,
    res_multistep_ancestral_cfg_pp,
    res_multistep_cfg_pp,
)
from studio_engine.sampling.samplers.sa_solver import sa_solver, sa_solver_pece
from studio_engine.sampling.samplers.sde import Sde
from studio_engine.sampling.samplers.seeds import seeds_2, seeds_3
from studio_engine.sampling.samplers.unipc import uni_pc, uni_pc_bh2

ON_DEVICE: Final = Sde(is_tree_on_device=True)

SAMPLERS: Final[Mapping[str, Sampler]] = {
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
    "dpmpp_sde": DpmppSde(),
    "dpmpp_sde_gpu": DpmppSde(ON_DEVICE),
    "dpmpp_2m": dpmpp_2m,
    "dpmpp_2m_cfg_pp": dpmpp_2m_cfg_pp,
    "dpmpp_2m_sde": Dpmpp2mSde(),
    "dpmpp_2m_sde_gpu": Dpmpp2mSde(ON_DEVICE),
    "dpmpp_2m_sde_heun": Dpmpp2mSde(correction="heun"),
    "dpmpp_2m_sde_heun_gpu": Dpmpp2mSde(ON_DEVICE, "heun"),
    "dpmpp_3m_sde": Dpmpp3mSde(),
    "dpmpp_3m_sde_gpu": Dpmpp3mSde(ON_DEVICE),
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
    "ddim": ddim,
    "uni_pc": uni_pc,
    "uni_pc_bh2": uni_pc_bh2,
}


def get_sampler(name: str) -> Sampler:
    """Raises `generate.unknown_sampler`."""
    return find_named(SAMPLERS, name, "generate.unknown_sampler")
