from functools import partial
from itertools import pairwise

import pytest
import torch
from gaussian import DEVIATION, MEAN, denoise, flow, noisy

from studio_engine.errors import EngineError
from studio_engine.sampling.discrete import discrete_sampling
from studio_engine.sampling.samplers import SAMPLERS, get_sampler
from studio_engine.sampling.samplers.dpmpp import dpmpp_2m_sde, dpmpp_sde
from studio_engine.sampling.samplers.euler import euler_ancestral
from studio_engine.sampling.sigmas import sampler_sigmas

SAMPLER_NAMES = sorted(SAMPLERS)
# With the steps that each needs to hit the distribution within 3 %.
STOCHASTIC = {"dpmpp_2m_sde": 100, "dpmpp_sde": 60, "euler_ancestral": 400}

# (sampler, order of the method, calls for a run of n steps that ends above zero)
METHODS = [
    ("euler", 1, lambda n: n),
    ("heun", 2, lambda n: 2 * n),
    ("dpmpp_2m", 2, lambda n: n),
    # The last stride has no call to correct it, so it is of first order: an error of second order in all.
    ("uni_pc", 2, lambda n: n),
    ("uni_pc_bh2", 2, lambda n: n),
]
DETERMINISTIC_LIMITS = [
    (partial(euler_ancestral, eta=0.0), 1),
    (partial(dpmpp_2m_sde, eta=0.0), 2),
    (partial(dpmpp_sde, eta=0.0), 2),
]


def ignore_step(step, steps, x, denoised):
    pass


def log_even(steps):
    return torch.logspace(1, -1, steps + 1, dtype=torch.float64)


def error_after(sampler, steps):
    sigmas = log_even(steps)
    x = noisy(64, sigmas[0], dtype=torch.float64)
    end = sampler(denoise, x, sigmas, seed=0, on_step=ignore_step)
    return (end - flow(x, sigmas[0], sigmas[-1])).abs().max().item()


def order_of(sampler, steps=64):
    """Binary logarithm of how much the error shrinks when the steps double."""
    return torch.log2(torch.tensor(error_after(sampler, steps) / error_after(sampler, 2 * steps))).item()


@pytest.mark.parametrize(("name", "order"), [(name, order) for name, order, _ in METHODS])
def test_error_falls_at_the_order_of_the_method(name, order):
    assert order_of(SAMPLERS[name]) > order - 0.25


@pytest.mark.parametrize("name", ["uni_pc", "uni_pc_bh2"])
def test_unipc_is_of_third_order_up_to_its_last_stride(name):
    def error_before_the_end(steps):
        sigmas = log_even(steps)
        x = noisy(64, sigmas[0], dtype=torch.float64)
        seen = []
        SAMPLERS[name](
            lambda x, sigma: seen.append((x, sigma[0])) or denoise(x, sigma), x, sigmas, seed=0, on_step=ignore_step
        )
        # A call sees the predicted x; the corrected one is the slope's base, so compare the predictions.
        last, sigma = seen[-2]
        return (last - flow(x, sigmas[0], sigma)).abs().max()

    assert torch.log2(error_before_the_end(64) / error_before_the_end(128)) > 2.75


@pytest.mark.parametrize(("sampler", "order"), DETERMINISTIC_LIMITS)
def test_without_fresh_noise_stochastic_samplers_solve_the_flow(sampler, order):
    assert order_of(sampler) > order - 0.25


@pytest.mark.parametrize(("name", "calls"), [(name, calls) for name, _, calls in METHODS])
def test_calls_per_run(name, calls):
    made = []

    def counted(x, sigma):
        made.append(sigma)
        return denoise(x, sigma)

    sigmas = log_even(12)
    SAMPLERS[name](counted, noisy(4, sigmas[0]), sigmas, seed=0, on_step=ignore_step)
    assert len(made) == calls(12)


@pytest.mark.parametrize("name", STOCHASTIC)
def test_stochastic_samplers_reproduce_the_distribution(name):
    sigmas = sampler_sigmas(discrete_sampling(), "karras", name, steps=STOCHASTIC[name])
    end = SAMPLERS[name](denoise, noisy(20_000, sigmas[0]), sigmas, seed=3, on_step=ignore_step)
    assert end.mean().item() == pytest.approx(MEAN, abs=0.015)
    assert end.std().item() == pytest.approx(DEVIATION, abs=0.015)


@pytest.mark.parametrize("name", ["euler", "ddim", "heun", "dpmpp_2m", "uni_pc", "uni_pc_bh2"])
def test_deterministic_samplers_reproduce_the_distribution(name):
    sigmas = sampler_sigmas(discrete_sampling(), "karras", name, steps=60)
    end = SAMPLERS[name](denoise, noisy(20_000, sigmas[0]), sigmas, seed=3, on_step=ignore_step)
    assert end.mean().item() == pytest.approx(MEAN, abs=0.01)
    assert end.std().item() == pytest.approx(DEVIATION, abs=0.02)


def test_lcm_follows_its_recursion():
    sigmas = sampler_sigmas(discrete_sampling(), "sgm_uniform", "lcm", steps=4)
    variance = DEVIATION**2 + sigmas[0] ** 2
    for sigma, sigma_next in pairwise(sigmas):
        variance = variance * (DEVIATION**2 / (DEVIATION**2 + sigma**2)) ** 2 + sigma_next**2
    end = SAMPLERS["lcm"](denoise, noisy(50_000, sigmas[0]), sigmas, seed=3, on_step=ignore_step)
    assert end.mean().item() == pytest.approx(MEAN, abs=0.01)
    assert end.std().item() == pytest.approx(variance.sqrt().item(), rel=0.02)


def run(name, steps, *, seed=9, rows=2):
    sigmas = sampler_sigmas(discrete_sampling(), "normal", name, steps=steps)
    return SAMPLERS[name](denoise, noisy(64, sigmas[0])[:rows], sigmas, seed=seed, on_step=ignore_step)


@pytest.mark.parametrize("name", SAMPLER_NAMES)
@pytest.mark.parametrize("steps", [1, 2, 3, 4, 7])
def test_few_steps_are_finite_and_repeat_bit_for_bit(name, steps):
    first = run(name, steps)
    assert torch.isfinite(first).all()
    assert torch.equal(first, run(name, steps))


@pytest.mark.parametrize("name", SAMPLER_NAMES)
def test_only_samplers_that_add_noise_depend_on_the_seed(name):
    is_same = torch.equal(run(name, 6, seed=1), run(name, 6, seed=2))
    assert is_same == (name not in [*STOCHASTIC, "lcm"])


@pytest.mark.parametrize("name", [name for name in SAMPLER_NAMES if name not in [*STOCHASTIC, "lcm"]])
def test_a_row_does_not_depend_on_the_rest_of_its_batch(name):
    assert torch.equal(run(name, 6)[:1], run(name, 6, rows=1))


@pytest.mark.parametrize("name", SAMPLER_NAMES)
def test_each_step_is_reported_once_with_its_denoised_picture(name):
    sigmas = sampler_sigmas(discrete_sampling(), "normal", name, steps=5)
    seen = []
    SAMPLERS[name](
        denoise,
        noisy(4, sigmas[0]),
        sigmas,
        seed=0,
        on_step=lambda step, steps, x, denoised: seen.append((step, steps, denoised.shape == x.shape)),
    )
    assert seen == [(step, 5, True) for step in range(1, 6)]


@pytest.mark.parametrize("name", SAMPLER_NAMES)
def test_an_error_in_the_step_report_stops_the_run(name):
    calls = []

    def counted(x, sigma):
        calls.append(sigma)
        return denoise(x, sigma)

    def cancel(step, steps, x, denoised):
        if step == 2:
            raise EngineError("job.cancelled")

    sigmas = sampler_sigmas(discrete_sampling(), "normal", name, steps=20)
    with pytest.raises(EngineError, match="cancelled"):
        SAMPLERS[name](counted, noisy(4, sigmas[0]), sigmas, seed=0, on_step=cancel)
    assert len(calls) <= 3


@pytest.mark.parametrize("name", SAMPLER_NAMES)
def test_the_last_step_lands_on_the_denoised_picture(name):
    sigmas = torch.tensor([2.0, 0.0])
    x = noisy(16, sigmas[0])
    end = SAMPLERS[name](denoise, x, sigmas, seed=0, on_step=ignore_step)
    # uni_pc ends at sigma 0.001 instead of 0.
    torch.testing.assert_close(end, denoise(x, sigmas[:1].expand(2)), atol=4e-3, rtol=0)


def test_unknown_sampler_names_the_choices():
    with pytest.raises(EngineError) as caught:
        get_sampler("teleport")
    assert caught.value.code == "generate.unknown_sampler"
    assert "euler" in caught.value.details["choices"]
