from functools import partial
from itertools import pairwise

import pytest
import torch
from gaussian import DEVIATION, MEAN, Exact, Watched, denoise, flow, noisy
from sampler_kinds import DETERMINISTIC, NOT_FOR_FLOWS, SD1, SD3, STOCHASTIC, ignore_step

from studio_engine.errors import EngineError
from studio_engine.sampling.samplers import SAMPLERS
from studio_engine.sampling.samplers.cfg_pp import dpmpp_2s_ancestral_cfg_pp, euler_ancestral_cfg_pp
from studio_engine.sampling.samplers.dpm2 import dpm_2_ancestral
from studio_engine.sampling.samplers.dpm_solver import DpmAdaptive
from studio_engine.sampling.samplers.dpmpp import dpmpp_2s_ancestral
from studio_engine.sampling.samplers.dpmpp_sde import Dpmpp2mSde, Dpmpp3mSde, DpmppSde
from studio_engine.sampling.samplers.er_sde import ErSde, reverse_time_strength
from studio_engine.sampling.samplers.euler import euler_ancestral
from studio_engine.sampling.samplers.lcm import LcmUpscale
from studio_engine.sampling.samplers.res import ResMultistep
from studio_engine.sampling.samplers.sa_solver import SaSolver
from studio_engine.sampling.samplers.sde import FLOW_ONLY, Sde
from studio_engine.sampling.samplers.seeds import Seeds2, Seeds3
from studio_engine.sampling.sigmas import sampler_sigmas

# (sampler, order of the method, calls for a run of n steps that ends above zero)
METHODS = [
    ("euler", 1, lambda n: n),
    ("euler_cfg_pp", 1, lambda n: n),
    ("heun", 2, lambda n: 2 * n),
    ("heunpp2", 1, lambda n: 3 * n - 3),
    ("dpm_2", 2, lambda n: 2 * n),
    ("lms", 4, lambda n: n),
    ("dpm_fast", 3, lambda n: n),
    ("dpmpp_2m", 2, lambda n: n),
    ("dpmpp_2m_cfg_pp", 2, lambda n: n),
    # Weights for even strides lose their order on others.
    ("ipndm", 2, lambda n: n),
    ("deis", 3, lambda n: n),
    ("res_multistep", 2, lambda n: n),
    ("res_multistep_cfg_pp", 2, lambda n: n),
    ("gradient_estimation", 1, lambda n: n),
    ("gradient_estimation_cfg_pp", 1, lambda n: n),
    # The last stride has no call to correct it, so it is of first order: an error of second order in all.
    ("uni_pc", 2, lambda n: n),
    ("uni_pc_bh2", 2, lambda n: n),
]
DETERMINISTIC_LIMITS = {
    "euler_ancestral": (partial(euler_ancestral, sde=FLOW_ONLY), 1),
    "euler_ancestral_cfg_pp": (partial(euler_ancestral_cfg_pp, sde=FLOW_ONLY), 1),
    "dpm_2_ancestral": (partial(dpm_2_ancestral, sde=FLOW_ONLY), 2),
    "dpmpp_2s_ancestral": (partial(dpmpp_2s_ancestral, sde=FLOW_ONLY), 2),
    "dpmpp_sde": (DpmppSde(FLOW_ONLY), 2),
    "dpmpp_2m_sde": (Dpmpp2mSde(FLOW_ONLY), 2),
    "dpmpp_2m_sde_heun": (Dpmpp2mSde(FLOW_ONLY, "heun"), 2),
    "dpmpp_3m_sde": (Dpmpp3mSde(FLOW_ONLY), 2),
    "seeds_2": (Seeds2(FLOW_ONLY), 2),
    "seeds_3": (Seeds3(FLOW_ONLY), 3),
    "sa_solver": (SaSolver(eta=0.0), 4),
    "sa_solver_pece": (SaSolver(eta=0.0, is_pece=True), 4),
    # Its integrals are sums of 200 terms, whose error of first order shows from about 100 steps on.
    "er_sde": (ErSde(reverse_time_strength(0.0)), 1.5),
}


def log_even(steps):
    return torch.logspace(1, -1, steps + 1, dtype=torch.float64)


def with_short_start(steps):
    """The first strides shrink faster than the others: multistep methods start there with too few slopes."""
    lambdas = log_even(steps).log()
    stride = lambdas[0] - lambdas[1]
    return torch.cat([lambdas[:1], lambdas[:1] - stride**2, lambdas[:1] - stride**1.5, lambdas[1:]]).exp()


def even(steps):
    return torch.linspace(0.98, 0.1, steps + 1, dtype=torch.float64)


def error_after(sampler, sigmas, sampling=SD1):
    x = noisy(64, sigmas[0], dtype=torch.float64, sampling=sampling)
    end = sampler(Exact(sampling), x, sigmas, seed=0, on_step=ignore_step)
    return (end - flow(x, sigmas[0], sigmas[-1], sampling)).abs().max().item()


def order_of(sampler, grid=log_even, sampling=SD1):
    """Logarithm, to the base of their ratio, of how much the error shrinks with more steps.

    Two of dpm_fast's three calls are left over in both runs: its last step is of second order.
    """
    few, many = 50, 101
    shrunk = error_after(sampler, grid(few), sampling) / error_after(sampler, grid(many), sampling)
    return (torch.tensor(shrunk).log() / torch.tensor(many / few).log()).item()


@pytest.mark.parametrize(("name", "order"), [(name, order) for name, order, _ in METHODS])
def test_error_falls_at_the_order_of_the_method(name, order):
    grid = with_short_start if name in ("lms", "deis") else log_even
    assert order_of(SAMPLERS[name], grid) > order - 0.25


@pytest.mark.parametrize(
    ("name", "order"), [(name, order) for name, order, _ in METHODS if name not in ("lms", "deis")]
)
def test_a_flow_is_solved_at_the_same_order(name, order):
    assert order_of(SAMPLERS[name], even, SD3) > order - 0.25


def test_ipndm_is_exact_adams_bashforth_on_even_strides():
    sigmas, x = even(20), noisy(16, torch.tensor(0.98), dtype=torch.float64)
    drawn = [SAMPLERS[name](denoise, x, sigmas, seed=0, on_step=ignore_step) for name in ("ipndm", "lms")]
    torch.testing.assert_close(drawn[0], drawn[1], rtol=0, atol=1e-12)


def test_ipndm_v_converges_where_ratios_of_strides_are_constant():
    assert order_of(SAMPLERS["ipndm_v"]) > 2.5


def test_dpm_adaptive_keeps_its_tolerance():
    def error(tolerance):
        return error_after(DpmAdaptive(rtol=tolerance, atol=tolerance / 5), log_even(20))

    # Relative to x, which is about 20 at the start.
    assert error(0.05) < 0.1
    assert error(0.0005) < 0.01
    assert error_after(DpmAdaptive(order=2, rtol=0.0005, atol=0.0001), log_even(20)) < 0.01


def test_dpm_adaptive_gives_up_on_invalid_numbers():
    def broken(x, sigma):
        return x * float("nan")

    with pytest.raises(EngineError) as caught:
        SAMPLERS["dpm_adaptive"](broken, noisy(4, torch.tensor(10.0)), log_even(4), seed=0, on_step=ignore_step)
    assert caught.value.code == "engine.non_finite"


@pytest.mark.parametrize("name", ["uni_pc", "uni_pc_bh2"])
def test_unipc_is_of_third_order_up_to_its_last_stride(name):
    def error_before_the_end(steps):
        sigmas = log_even(steps)
        x = noisy(64, sigmas[0], dtype=torch.float64)
        watched = Watched()
        SAMPLERS[name](watched, x, sigmas, seed=0, on_step=ignore_step)
        # A call sees the predicted x; the corrected one is the slope's base, so compare the predictions.
        last, sigma = watched.calls[-2]
        return (last - flow(x, sigmas[0], sigma)).abs().max()

    assert torch.log2(error_before_the_end(64) / error_before_the_end(128)) > 2.75


@pytest.mark.parametrize("name", DETERMINISTIC_LIMITS)
def test_without_fresh_noise_stochastic_samplers_solve_the_flow(name):
    sampler, order = DETERMINISTIC_LIMITS[name]
    assert order_of(sampler, with_short_start if "solver" in name else log_even) > order - 0.25


@pytest.mark.parametrize("name", DETERMINISTIC_LIMITS.keys() - {"seeds_3", "er_sde"})
def test_without_fresh_noise_they_solve_a_flow_model_too(name):
    sampler, order = DETERMINISTIC_LIMITS[name]
    assert order_of(sampler, even, SD3) > order - 0.4


@pytest.mark.parametrize(("name", "calls"), [(name, calls) for name, _, calls in METHODS])
def test_calls_per_run(name, calls):
    watched, sigmas = Watched(), log_even(12)
    SAMPLERS[name](watched, noisy(4, sigmas[0]), sigmas, seed=0, on_step=ignore_step)
    assert len(watched.calls) == calls(12)


@pytest.mark.parametrize(
    ("name", "calls"), [("sa_solver", 12), ("sa_solver_pece", 23), ("seeds_3", 34), ("er_sde", 12)]
)
def test_calls_per_run_to_zero(name, calls):
    watched, sigmas = Watched(), sampler_sigmas(SD1, "karras", name, steps=12)
    SAMPLERS[name](watched, noisy(4, sigmas[0]), sigmas, seed=0, on_step=ignore_step)
    assert len(watched.calls) == calls


def drawn_from(name, scheduler, steps, sampling=SD1):
    sigmas = sampler_sigmas(sampling, scheduler, name, steps=steps)
    # A Brownian tree is slow: 2,000 values take it as long as 20,000 take the others.
    x = noisy(2_000 if "m_sde" in name or name == "dpmpp_sde" else 5_000, sigmas[0], sampling=sampling)
    return SAMPLERS[name](Exact(sampling), x, sigmas, seed=3, on_step=ignore_step)


@pytest.mark.parametrize("name", STOCHASTIC)
def test_stochastic_samplers_reproduce_the_distribution(name):
    end = drawn_from(name, "karras", STOCHASTIC[name])
    assert end.mean().item() == pytest.approx(MEAN, abs=0.02)
    assert end.std().item() == pytest.approx(DEVIATION, abs=0.02)


@pytest.mark.parametrize("name", DETERMINISTIC)
def test_deterministic_samplers_reproduce_the_distribution(name):
    end = drawn_from(name, "karras", 60)
    assert end.mean().item() == pytest.approx(MEAN, abs=0.01)
    assert end.std().item() == pytest.approx(DEVIATION, abs=0.02)


@pytest.mark.parametrize("name", [name for name in STOCHASTIC if name not in NOT_FOR_FLOWS])
def test_stochastic_samplers_reproduce_the_distribution_of_a_flow(name):
    end = drawn_from(name, "simple", STOCHASTIC[name], SD3)
    assert end.mean().item() == pytest.approx(MEAN, abs=0.03)
    assert end.std().item() == pytest.approx(DEVIATION, abs=0.03)


SILENT = Sde(s_noise=0.0)


@pytest.mark.parametrize(
    "sampler",
    [
        partial(euler_ancestral, sde=SILENT),
        partial(dpm_2_ancestral, sde=SILENT),
        Dpmpp2mSde(SILENT),
        ResMultistep(SILENT),
        Seeds3(SILENT),
        SaSolver(s_noise=0.0),
        ErSde(s_noise=0.0),
    ],
)
def test_s_noise_scales_the_fresh_noise_alone(sampler):
    sigmas = torch.tensor([2.0, 1.0, 0.5])
    ends = [sampler(denoise, noisy(32, sigmas[0]), sigmas, seed=seed, on_step=ignore_step) for seed in (1, 2)]
    assert torch.equal(*ends)


@pytest.mark.parametrize("sampling", [SD1, SD3])
def test_cfg_pp_judges_noise_by_the_negative_prompt(sampling):
    sigmas = torch.tensor([0.8, 0.4])
    x, prompts = noisy(16, sigmas[0], sampling=sampling), Exact(sampling, negative_mean=-1.0)
    picture, without = prompts.both(x, sigmas[:1].expand(2))
    noise = (x - sampling.signal(sigmas[0]) * without) / sigmas[0]
    end = SAMPLERS["euler_cfg_pp"](prompts, x, sigmas, seed=0, on_step=ignore_step)
    torch.testing.assert_close(end, sampling.noised(picture, noise, sigmas[1]))


def test_dpmpp_2s_cfg_pp_follows_its_recursion():
    sigmas = torch.tensor([4.0, 1.0])
    x = noisy(16, sigmas[0])

    def gain(sigma):
        return DEVIATION**2 / (DEVIATION**2 + sigma**2)

    # Without fresh noise the middle is at 2; all is linear in the distance from the mean.
    here, there = gain(4.0), gain(2.0)
    halfway = 0.5 + 0.5 * here
    distance = 0.25 * (1 + here - there * halfway) + 0.75 * there * halfway
    end = dpmpp_2s_ancestral_cfg_pp(denoise, x, sigmas, seed=0, on_step=ignore_step, sde=FLOW_ONLY)
    torch.testing.assert_close(end, MEAN + distance * (x - MEAN))


@pytest.mark.parametrize("sampling", [SD1, SD3])
def test_lcm_follows_its_recursion(sampling):
    sigmas = sampler_sigmas(sampling, "sgm_uniform", "lcm", steps=4)
    signals = sampling.signal(sigmas)
    variance = (DEVIATION * signals[0]) ** 2 + sigmas[0] ** 2
    for i, (sigma, sigma_next) in enumerate(pairwise(sigmas)):
        gain = DEVIATION**2 * signals[i] / ((DEVIATION * signals[i]) ** 2 + sigma**2)
        variance = signals[i + 1] ** 2 * gain**2 * variance + sigma_next**2
    x = noisy(50_000, sigmas[0], sampling=sampling)
    end = SAMPLERS["lcm"](Exact(sampling), x, sigmas, seed=3, on_step=ignore_step)
    assert end.mean().item() == pytest.approx(MEAN, abs=0.01)
    assert end.std().item() == pytest.approx(variance.sqrt().item(), rel=0.02)


def test_growing_latents_get_fresh_noise_at_each_step():
    class Zeros(Watched):
        def __call__(self, x, sigma):
            self.calls.append((x, sigma[0]))
            return torch.zeros_like(x)

    watched = Zeros()
    sigmas = torch.tensor([8.0, 4.0, 2.0, 1.0, 0.0])
    LcmUpscale(1.0)(watched, torch.randn(1, 4, 4, 4), sigmas, seed=1, on_step=ignore_step)
    noises = [x / sigma for x, sigma in watched.calls[1:]]
    assert all((one - other).abs().mean() > 0.5 for one, other in pairwise(noises))


@pytest.mark.parametrize("corrector_order", [0, 2])
def test_simple_weights_are_of_second_order(corrector_order):
    simple, exact = (
        SaSolver(eta=0.0, predictor_order=2, corrector_order=corrector_order, is_simple=is_simple)
        for is_simple in (True, False)
    )
    assert order_of(simple, with_short_start) > 1.75
    assert error_after(simple, log_even(50)) != error_after(exact, log_even(50))
