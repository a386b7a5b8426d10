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


def denoise(x, sigma):
    """A denoiser without closed form, in which neighbours influence each other."""
    sigma = sigma.view(-1, 1, 1, 1)
    return torch.tanh(x / (1 + sigma * sigma).sqrt()) * 0.8 + 0.1 * x.roll(1, -1) / (1 + sigma)


def ignore_step(step, steps, x, denoised):
    pass


@pytest.mark.parametrize("name", sorted(GOLDENS.keys() - {"note"}))
def test_sampler_equals_recorded_reference(name):
    sigmas = calculate_sigmas(discrete_sampling(), "karras", 8)
    x = initial_noise(torch.zeros(1, 4, 8, 8), 42) * sigmas[0]
    drawn = SAMPLERS[name](denoise, x, sigmas, seed=42, on_step=ignore_step)
    torch.testing.assert_close(drawn[0, 0, 0], torch.tensor(GOLDENS[name]), rtol=0, atol=1e-6)


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
