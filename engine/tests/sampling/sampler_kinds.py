"""Which samplers there are, and what tests may ask of each."""

from studio_engine.sampling.discrete import discrete_sampling
from studio_engine.sampling.flow import sd3_sampling
from studio_engine.sampling.samplers import SAMPLERS

SD1, SD3 = discrete_sampling(), sd3_sampling()

# Samplers that renew noise, with the steps that each needs to hit the distribution within 3 %.
STOCHASTIC = {
    "euler_ancestral": 400,
    "euler_ancestral_cfg_pp": 400,
    "dpm_2_ancestral": 60,
    "dpmpp_2s_ancestral": 60,
    "dpmpp_sde": 30,
    "dpmpp_2m_sde": 60,
    "dpmpp_2m_sde_heun": 80,
    "dpmpp_3m_sde": 40,
    "ddpm": 400,
    "res_multistep_ancestral": 60,
    "res_multistep_ancestral_cfg_pp": 60,
    "er_sde": 60,
    "seeds_2": 60,
    "seeds_3": 60,
    "sa_solver": 60,
    "sa_solver_pece": 60,
}
# As in ComfyUI they add noise as if x were clean + sigma · noise, which a flow's x is not.
NOT_FOR_FLOWS = ("ddpm", "res_multistep_ancestral", "res_multistep_ancestral_cfg_pp")
# They leave the distribution on purpose; their own tests say how.
ECCENTRIC = ("lcm", "dpmpp_2s_ancestral_cfg_pp")
# They end at the last sigma above zero.
UNFINISHED = ("dpm_fast", "dpm_adaptive")

# A name with _gpu draws the same on the CPU, as test_references shows.
SAMPLER_NAMES = sorted(name for name in SAMPLERS if not name.endswith("_gpu"))
DETERMINISTIC = [name for name in SAMPLER_NAMES if name not in (*STOCHASTIC, *ECCENTRIC)]


def ignore_step(step, steps, x, denoised):
    pass
