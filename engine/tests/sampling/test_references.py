"""Samplers must draw what the reference implementations draw: k-diffusion (recorded) and diffusers (run here)."""

import json
from pathlib import Path

import pytest
import torch
from diffusers import UniPCMultistepScheduler

from studio_engine.sampling.discrete import discrete_sampling
from studio_engine.sampling.noise import initial_noise
from studio_engine.sampling.samplers import SAMPLERS
from studio_engine.sampling.sigmas import calculate_sigmas, sampler_sigmas

GOLDENS = json.loads((Path(__file__).parent.parent / "fixtures" / "sampler_goldens.json").read_text())


# The adaptive sampler's strides follow its rounding; the reference's deis integrates by a sum of 10,000 terms.
TOLERANCES = {"dpm_adaptive": 3e-5, "deis": 1e-5}
STOP_ABOVE_ZERO = ("lms", "ipndm", "ipndm_v", "deis")


class Neighbours:
    """A `Denoise` without closed form, in which neighbours influence each other; its prompts agree."""

    sampling = discrete_sampling()

    def __call__(self, x, sigma):
        sigma = sigma.view(-1, 1, 1, 1)
        return torch.tanh(x / (1 + sigma * sigma).sqrt()) * 0.8 + 0.1 * x.roll(1, -1) / (1 + sigma)

    def both(self, x, sigma):
        return self(x, sigma), self(x, sigma)


denoise = Neighbours()


def ignore_step(step, steps, x, denoised):
    pass


COMFYUI = """
euler euler_cfg_pp euler_ancestral euler_ancestral_cfg_pp heun heunpp2 dpm_2 dpm_2_ancestral lms dpm_fast dpm_adaptive
dpmpp_2s_ancestral dpmpp_2s_ancestral_cfg_pp dpmpp_sde dpmpp_sde_gpu dpmpp_2m dpmpp_2m_cfg_pp dpmpp_2m_sde
dpmpp_2m_sde_gpu dpmpp_2m_sde_heun dpmpp_2m_sde_heun_gpu dpmpp_3m_sde dpmpp_3m_sde_gpu ddpm lcm ipndm ipndm_v deis
res_multistep res_multistep_cfg_pp res_multistep_ancestral res_multistep_ancestral_cfg_pp gradient_estimation
gradient_estimation_cfg_pp er_sde seeds_2 seeds_3 sa_solver sa_solver_pece ddim uni_pc uni_pc_bh2
"""


def test_names_and_their_order_are_comfyuis():
    assert list(SAMPLERS) == COMFYUI.split()


def drawn_by(name, sigmas, seed=42):
    x = initial_noise(torch.zeros(1, 4, 8, 8), 42) * sigmas[0]
    return SAMPLERS[name](denoise, x, sigmas, seed=seed, on_step=ignore_step)


@pytest.mark.parametrize("name", sorted(GOLDENS.keys() - {"note"}))
def test_sampler_equals_recorded_reference(name):
    sigmas = calculate_sigmas(discrete_sampling(), "karras", 8)
    drawn = drawn_by(name, sigmas[:-1] if name in STOP_ABOVE_ZERO else sigmas)
    expected = torch.tensor(GOLDENS[name])
    torch.testing.assert_close(drawn[0, 0, 0], expected, rtol=0, atol=TOLERANCES.get(name, 1e-6))


@pytest.mark.parametrize("name", [name for name in SAMPLERS if name.endswith("_gpu")])
def test_on_the_cpu_noise_of_the_device_is_the_same(name):
    sigmas = calculate_sigmas(discrete_sampling(), "karras", 8)
    assert torch.equal(drawn_by(name, sigmas), drawn_by(name.removesuffix("_gpu"), sigmas))


PLAIN = {
    "euler_cfg_pp": "euler",
    "euler_ancestral_cfg_pp": "euler_ancestral",
    "dpmpp_2m_cfg_pp": "dpmpp_2m",
    "res_multistep_cfg_pp": "res_multistep",
    "res_multistep_ancestral_cfg_pp": "res_multistep_ancestral",
    "gradient_estimation_cfg_pp": "gradient_estimation",
    "ddpm": "euler_ancestral",
}


@pytest.mark.parametrize(("name", "plain"), PLAIN.items())
def test_where_both_prompts_agree_cfg_pp_is_the_plain_method(name, plain):
    sigmas = calculate_sigmas(discrete_sampling(), "karras", 8)
    torch.testing.assert_close(drawn_by(name, sigmas), drawn_by(plain, sigmas), rtol=0, atol=2e-6)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize(("name", "variant"), [("uni_pc", "bh1"), ("uni_pc_bh2", "bh2")])
@pytest.mark.parametrize("steps", [1, 2, 3, 4, 10])
def test_unipc_equals_diffusers(name, variant, steps):
    sigmas = sampler_sigmas(discrete_sampling(), "karras", name, steps=steps).double()
    x = (initial_noise(torch.zeros(1, 4, 8, 8), 42) * sigmas[0]).double()
    drawn = SAMPLERS[name](denoise, x, sigmas, seed=0, on_step=ignore_step)

    levels = torch.cat([sigmas[:-1], torch.tensor([0.001], dtype=torch.float64)])
    signal = (1 + levels**2).rsqrt()
    order = max(1, min(3, steps - 1))
    scheduler = UniPCMultistepScheduler(solver_order=order, solver_type=variant, prediction_type="sample")
    scheduler.set_timesteps(steps)
    scheduler.sigmas, scheduler.timesteps = levels, torch.arange(steps)
    reference = x * signal[0]
    for i in range(steps):
        answer = denoise(reference / signal[i], levels[i].expand(1))
        reference = scheduler.step(answer, scheduler.timesteps[i], reference).prev_sample
    torch.testing.assert_close(drawn, reference / signal[-1], rtol=0, atol=1e-12)
