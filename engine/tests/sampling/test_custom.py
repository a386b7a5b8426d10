"""Parts of runs, and runs spelled out sigma by sigma."""

from dataclasses import replace

import pytest
import torch
from gaussian_model import GaussianModel, ignore_step, prompt
from hypothesis import given
from hypothesis import strategies as st

from studio_engine.sampling.discrete import discrete_sampling
from studio_engine.sampling.flow import sd3_sampling
from studio_engine.sampling.guidance import CfgGuider
from studio_engine.sampling.model import Latent
from studio_engine.sampling.noise import Noise
from studio_engine.sampling.sample import Run, SampleSettings, StepRange, sample, sample_custom
from studio_engine.sampling.samplers import SAMPLERS
from studio_engine.sampling.sigmas import between_steps, sampler_sigmas

SETTINGS = SampleSettings(seed=5, steps=8, cfg=3.0, sampler="euler", scheduler="normal")
EMPTY = Latent(torch.zeros(2, 4, 8, 8))
DRAWN = Noise(5)
MODELS = [discrete_sampling(), sd3_sampling()]


def draw(latent=EMPTY, sampling=MODELS[0], on_step=ignore_step, **changes):
    model = GaussianModel(sampling=sampling)
    settings = replace(SETTINGS, **changes)
    return sample(model, latent, settings, positive=prompt(0.5), negative=prompt(-0.5), on_step=on_step)


@pytest.mark.parametrize("sampling", MODELS)
@pytest.mark.parametrize("sampler", ["euler", "heun", "dpm_2", "dpmpp_2m_sde"])
@pytest.mark.parametrize("cut", [1, 4, 7])
def test_two_parts_make_the_whole_run(sampling, sampler, cut):
    first = draw(sampling=sampling, sampler=sampler, part=StepRange(end=cut, has_leftover_noise=True))
    second = draw(Latent(first), sampling, sampler=sampler, part=StepRange(start=cut, adds_noise=False))
    whole = draw(sampling=sampling, sampler=sampler)
    if sampler == "dpmpp_2m_sde":
        # Its second part starts without an answer to remember and on a Brownian path of its own.
        assert torch.isfinite(second).all()
        return
    torch.testing.assert_close(second, whole, rtol=1e-4, atol=1e-4)


def test_a_part_without_leftover_noise_ends_clean():
    seen = []
    end = draw(part=StepRange(end=4), on_step=lambda step, steps, x, denoised: seen.append((steps, denoised)))
    assert [steps for steps, _ in seen] == [4, 4, 4, 4]
    torch.testing.assert_close(end, seen[-1][1] / 0.18215)


def test_latents_with_noise_of_their_own_get_no_more():
    seen = []
    start = Latent(torch.full((1, 4, 8, 8), 2.0))
    draw(start, part=StepRange(adds_noise=False), on_step=lambda step, steps, x, denoised: seen.append(x))
    assert torch.equal(seen[0], start.samples * 0.18215)


@pytest.mark.parametrize("part", [StepRange(start=8), StepRange(start=10_000), StepRange(end=0), StepRange(3, 3)])
def test_an_empty_part_gives_the_latent_back(part):
    start = Latent(torch.randn(1, 4, 8, 8))
    assert torch.equal(draw(start, part=part), start.samples)


@given(st.integers(1, 30), st.integers(0, 40), st.integers(0, 40), st.booleans())
def test_parts_are_slices_of_the_schedule(steps, start, end, has_leftover_noise):
    sigmas = sampler_sigmas(MODELS[0], "karras", "euler", steps=steps)
    part = between_steps(sigmas, start, end, has_leftover_noise=has_leftover_noise)
    wanted = sigmas.tolist()[start : end + 1]
    assert part.tolist()[:-1] == wanted[:-1]
    if len(part) > 1:
        assert part[-1] == (wanted[-1] if has_leftover_noise else 0)


def run_custom(sigmas, sampling=MODELS[0], noise=DRAWN, latent=EMPTY, sampler="euler"):
    model = GaussianModel(sampling=sampling)
    guider = CfgGuider(model, prompt(0.5), prompt(-0.5), 3.0)
    run = Run(sampler=SAMPLERS[sampler], sigmas=sigmas, noise=noise)
    return sample_custom(guider, latent, run=run, on_step=ignore_step)


@pytest.mark.parametrize("sampling", MODELS)
@pytest.mark.parametrize("sampler", sorted(SAMPLERS))
def test_spelled_out_the_run_is_the_same(sampling, sampler):
    sigmas = sampler_sigmas(sampling, "normal", sampler, steps=8)
    drawn = run_custom(sigmas, sampling, sampler=sampler).samples
    assert torch.isfinite(drawn).all()
    assert torch.equal(drawn, draw(sampling=sampling, sampler=sampler))


@pytest.mark.parametrize("sampling", MODELS)
def test_a_run_that_stops_early_gives_noisy_and_clean_latents(sampling):
    sigmas = torch.tensor([0.9, 0.6, 0.4])
    sampled = run_custom(sigmas, sampling)
    signal = float(sampling.signal(sigmas[2]))
    assert (sampled.samples - sampled.denoised).std() > 0.2 * 0.4 / signal / 0.18215
    again = run_custom(torch.tensor([0.4, 0.0]), sampling, Noise(5, is_drawn=False), Latent(sampled.samples))
    whole = run_custom(torch.tensor([0.9, 0.6, 0.4, 0.0]), sampling)
    torch.testing.assert_close(again.samples, whole.samples, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(whole.samples, whole.denoised)


@pytest.mark.parametrize("sigmas", [torch.empty(0), torch.tensor([3.0])])
def test_without_a_stride_the_latent_comes_back(sigmas):
    start = Latent(torch.randn(1, 4, 8, 8))
    sampled = run_custom(sigmas, latent=start)
    assert torch.equal(sampled.samples, start.samples)
    assert torch.equal(sampled.denoised, start.samples)
