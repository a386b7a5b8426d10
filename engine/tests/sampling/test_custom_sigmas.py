import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from studio_engine.sampling.custom_sigmas import (
    Levels,
    exponential_sigmas,
    extended,
    flipped,
    karras_sigmas,
    laplace_sigmas,
    polyexponential_sigmas,
    sd_turbo_sigmas,
    split_at_step,
    split_by_denoise,
    vp_sigmas,
    with_first,
)
from studio_engine.sampling.discrete import discrete_sampling
from studio_engine.sampling.schedulers import beta
from studio_engine.sampling.sigmas import calculate_sigmas
from studio_engine.sampling.tuned_sigmas import align_your_steps_sigmas

SD1 = discrete_sampling()
LEVELS = Levels(0.03, 14.6)
RUN = torch.tensor([8.0, 4.0, 2.0, 1.0, 0.0])


@given(st.integers(1, 60), st.floats(1e-3, 1.0), st.floats(2.0, 900.0))
def test_schedules_fall_from_high_to_low_and_then_to_zero(steps, low, high):
    for schedule in (karras_sigmas, exponential_sigmas, polyexponential_sigmas):
        sigmas = schedule(steps, Levels(low, high))
        assert len(sigmas) == steps + 1
        assert (sigmas.diff() < 0).all()
        assert (sigmas[0].item(), sigmas[-1].item()) == (pytest.approx(high, rel=1e-4), 0.0)
        assert steps == 1 or sigmas[-2].item() == pytest.approx(low, rel=1e-3)


def test_polyexponential_of_power_one_is_exponential():
    torch.testing.assert_close(polyexponential_sigmas(9, LEVELS), exponential_sigmas(9, LEVELS))
    assert (polyexponential_sigmas(9, LEVELS, 2.0)[1:-2] < exponential_sigmas(9, LEVELS)[1:-2]).all()


def test_laplace_is_densest_at_its_centre():
    sigmas = laplace_sigmas(21, LEVELS, mu=0.5)
    assert len(sigmas) == 21
    assert sigmas[10].item() == pytest.approx(math.exp(0.5), rel=1e-4)
    strides = -sigmas.log().diff()
    assert (strides >= 0).all()
    assert strides[9:11].max() < strides[3]


def test_vp_sigmas_are_those_of_the_process():
    sigmas = vp_sigmas(5)
    assert sigmas[0].item() == pytest.approx(math.sqrt(math.exp(19.9 / 2 + 0.1) - 1), rel=1e-5)
    assert sigmas[-1] == 0
    assert (sigmas.diff() < 0).all()


def test_turbo_starts_at_the_distilled_timesteps():
    assert sd_turbo_sigmas(SD1, 1).tolist() == pytest.approx([SD1.sigma_max, 0.0])
    half = sd_turbo_sigmas(SD1, 3, denoise=0.5)
    assert half.tolist() == pytest.approx([*SD1.sigmas[[499, 399, 299]].tolist(), 0.0], rel=1e-5)


# As printed in the paper's quick start guide, three digits after the point.
PUBLISHED = {
    "SD1": [14.615, 6.475, 3.861, 2.697, 1.886, 1.396, 0.963, 0.652, 0.399, 0.152, 0.029],
    "SDXL": [14.615, 6.315, 3.771, 2.181, 1.342, 0.862, 0.555, 0.380, 0.234, 0.113, 0.029],
    "SVD": [700.00, 54.5, 15.886, 7.977, 4.248, 1.789, 0.981, 0.403, 0.173, 0.034, 0.002],
}


@pytest.mark.parametrize("model", PUBLISHED)
def test_align_your_steps_equals_the_published_schedule(model):
    sigmas = align_your_steps_sigmas(model, 10)
    assert sigmas[:-1].tolist() == pytest.approx(PUBLISHED[model][:-1], rel=4e-3, abs=2e-3)
    assert sigmas[-1] == 0


def test_align_your_steps_is_interpolated_and_cut():
    assert len(align_your_steps_sigmas("SDXL", 25)) == 26
    whole = align_your_steps_sigmas("SD1", 20)
    torch.testing.assert_close(whole[::2], align_your_steps_sigmas("SD1", 10))
    assert torch.equal(align_your_steps_sigmas("SD1", 20, denoise=0.5), whole[-11:])
    assert len(align_your_steps_sigmas("SD1", 20, denoise=0.0)) == 0


@given(st.integers(0, 6))
def test_a_split_run_meets_at_the_step(step):
    high, low = split_at_step(RUN, step)
    assert high.tolist() + low.tolist()[1:] == RUN.tolist()
    assert len(low) == max(len(RUN) - step, 0)


@pytest.mark.parametrize(
    ("denoise", "high", "low"),
    [(0.5, [8.0, 4.0, 2.0], [2.0, 1.0, 0.0]), (1.0, [8.0], RUN.tolist()), (0.0, RUN.tolist(), [0.0])],
)
def test_a_run_is_split_by_the_share_of_its_steps(denoise, high, low):
    assert [part.tolist() for part in split_by_denoise(RUN, denoise)] == [high, low]


def test_a_flipped_run_starts_just_above_zero():
    assert flipped(RUN).tolist() == pytest.approx([1e-4, 1.0, 2.0, 4.0, 8.0])
    assert flipped(RUN[:2]).tolist() == [4.0, 8.0]
    assert len(flipped(torch.empty(0))) == 0


def test_the_first_level_can_be_set():
    assert with_first(RUN, 9.0).tolist() == [9.0, 4.0, 2.0, 1.0, 0.0]
    assert len(with_first(torch.empty(0), 9.0)) == 0


def test_strides_within_levels_are_cut():
    inner = Levels(2.0, 4.0)
    assert extended(RUN, 2, within=inner).tolist() == [8.0, 4.0, 3.0, 2.0, 1.5, 1.0, 0.0]
    assert extended(RUN, 1, within=inner).tolist() == RUN.tolist()
    cosine, sine = extended(RUN, 2, within=inner, spacing="cosine"), extended(RUN, 2, within=inner, spacing="sine")
    assert cosine[2].item() == pytest.approx(4.0 - 2.0 * math.sqrt(0.5))
    assert sine[2].item() == pytest.approx(2.0 + 2.0 * math.sqrt(0.5))


def test_a_beta_schedule_can_lean():
    low = beta(SD1, 10, (0.6, 1.2))
    assert (low[1:-2] < calculate_sigmas(SD1, "beta", 10)[1:-2]).all()
