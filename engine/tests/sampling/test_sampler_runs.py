import pytest
import torch
from gaussian import Exact, Watched, denoise, noisy
from sampler_kinds import DETERMINISTIC, SAMPLER_NAMES, SD1, SD3, UNFINISHED, ignore_step

from studio_engine.errors import EngineError
from studio_engine.sampling.samplers import SAMPLERS, get_sampler
from studio_engine.sampling.sigmas import sampler_sigmas


def run(name, steps, *, seed=9, rows=2):
    sigmas = sampler_sigmas(SD1, "normal", name, steps=steps)
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
    assert is_same == (name in DETERMINISTIC)


# The strides of dpm_adaptive suit the whole batch.
@pytest.mark.parametrize("name", [name for name in DETERMINISTIC if name != "dpm_adaptive"])
def test_a_row_does_not_depend_on_the_rest_of_its_batch(name):
    assert torch.equal(run(name, 6)[:1], run(name, 6, rows=1))


def reports_of(name, steps):
    sigmas = sampler_sigmas(SD1, "normal", name, steps=steps)
    seen = []
    SAMPLERS[name](
        denoise,
        noisy(4, sigmas[0]),
        sigmas,
        seed=0,
        on_step=lambda step, steps, x, denoised: seen.append((step, steps, denoised.shape == x.shape)),
    )
    return seen


@pytest.mark.parametrize("name", [name for name in SAMPLER_NAMES if name not in UNFINISHED])
def test_each_step_is_reported_once_with_its_denoised_picture(name):
    assert reports_of(name, 5) == [(step, 5, True) for step in range(1, 6)]


@pytest.mark.parametrize(("calls", "steps"), [(1, 1), (2, 1), (3, 2), (5, 2), (9, 4), (10, 4)])
def test_dpm_fast_reports_steps_of_up_to_three_calls(calls, steps):
    assert reports_of("dpm_fast", calls) == [(step, steps, True) for step in range(1, steps + 1)]


def test_dpm_adaptive_reports_how_far_it_came():
    seen = [step for step, steps, _ in reports_of("dpm_adaptive", 10)]
    assert seen == sorted(seen)
    assert seen[0] == 1
    assert 8 <= seen[-1] <= 10


@pytest.mark.parametrize("name", SAMPLER_NAMES)
def test_an_error_in_the_step_report_stops_the_run(name):
    watched, reports = Watched(), []

    def cancel(step, steps, x, denoised):
        reports.append(step)
        if len(reports) == 2:
            raise EngineError("job.cancelled")

    sigmas = sampler_sigmas(SD1, "normal", name, steps=20)
    with pytest.raises(EngineError, match="cancelled"):
        SAMPLERS[name](watched, noisy(4, sigmas[0]), sigmas, seed=0, on_step=cancel)
    assert len(watched.calls) <= 4


@pytest.mark.parametrize("name", [name for name in SAMPLER_NAMES if name not in UNFINISHED])
@pytest.mark.parametrize("sampling", [SD1, SD3])
def test_the_last_step_lands_on_the_denoised_picture(name, sampling):
    sigmas = torch.tensor([0.9, 0.0])
    x, exact = noisy(16, sigmas[0], sampling=sampling), Exact(sampling)
    end = SAMPLERS[name](exact, x, sigmas, seed=0, on_step=ignore_step)
    # uni_pc ends at sigma 0.001 instead of 0.
    torch.testing.assert_close(end, exact(x, sigmas[:1].expand(2)), atol=4e-3, rtol=0)


@pytest.mark.parametrize("name", UNFINISHED)
def test_a_single_step_of_the_unfinished_is_no_step(name):
    sigmas = torch.tensor([2.0, 0.0])
    x = noisy(16, sigmas[0])
    assert torch.equal(SAMPLERS[name](denoise, x, sigmas, seed=0, on_step=ignore_step), x)


def test_unknown_sampler_names_the_choices():
    with pytest.raises(EngineError) as caught:
        get_sampler("teleport")
    assert caught.value.code == "generate.unknown_sampler"
    assert "euler" in caught.value.details["choices"]
