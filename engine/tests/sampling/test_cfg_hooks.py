"""Other ways to weigh two answers, each against what its paper promises."""

from dataclasses import replace

import pytest
import torch
from gaussian_model import GaussianModel, prompt, run_of
from hypothesis import given
from hypothesis import strategies as st

from studio_engine.sampling.cfg_hooks import (
    AdaptiveProjection,
    CfgNorm,
    CfgZeroStar,
    FrequencyScaling,
    LikenessGuidance,
    LinearCfg,
    RenormCfg,
    RescaleCfg,
    ScaledNoise,
    TangentialDamping,
    scaled_spectrum,
)
from studio_engine.sampling.guidance import CfgGuider, PerpNegCfg, PerpNegGuider, bound, perp_neg
from studio_engine.sampling.hooks import GuidanceCall, GuidanceHooks

CFG = 7.0


class Run:
    """Stands for a run's answers, which these hooks do not ask."""


def random(seed, rows=2):
    return torch.randn(rows, 4, 8, 8, generator=torch.Generator().manual_seed(seed))


def call(*, positive=None, negative=None, sigma=2.0, **changes):
    answers = (random(1) if positive is None else positive, random(2) if negative is None else negative)
    step = GuidanceCall(
        model=GaussianModel(),
        x=random(3, answers[0].shape[0]),
        sigma=torch.full((answers[0].shape[0],), sigma),
        cfg=CFG,
        prompts=(),
        answers=answers,
        answer=Run(),
    )
    return replace(step, **changes)


def plain(step):
    return step.negative + (step.positive - step.negative) * step.cfg


def lengths(x):
    return x.flatten(1).norm(dim=1)


@given(st.floats(0.1, 14.0), st.floats(1.0, 20.0))
def test_rescaling_by_nothing_is_plain_guidance(sigma, cfg):
    step = call(sigma=sigma, cfg=cfg)
    torch.testing.assert_close(RescaleCfg(0.0)(step), plain(step), rtol=1e-4, atol=1e-4)


def test_full_rescaling_keeps_the_spread_of_the_positive_velocity():
    step, sigma = call(), 2.0

    def velocity(clean):
        return (step.x / (sigma**2 + 1) - clean) * (sigma**2 + 1) ** 0.5 / sigma

    spread = velocity(RescaleCfg(1.0)(step)).flatten(1).std(dim=1)
    torch.testing.assert_close(spread, velocity(step.positive).flatten(1).std(dim=1), rtol=1e-4, atol=1e-4)


def test_renormed_answers_are_no_longer_than_the_positive_one():
    step = call()
    assert (lengths(plain(step)) > lengths(step.positive)).all()
    torch.testing.assert_close(lengths(RenormCfg(100.0, 1.0)(step)), lengths(step.positive))
    torch.testing.assert_close(RenormCfg(100.0, 0.0)(step), plain(step))
    assert torch.equal(RenormCfg(2.0, 1.0)(step), step.positive)


def test_linear_guidance_rises_with_the_row():
    step = call(positive=torch.ones(5, 4, 8, 8), negative=torch.zeros(5, 4, 8, 8), cfg=5.0)
    assert LinearCfg(1.0)(step)[:, 0, 0, 0].tolist() == [1, 2, 3, 4, 5]
    assert LinearCfg(1.0, is_triangle=True)(step)[:, 0, 0, 0].tolist() == [1, 3, 5, 3, 1]


def test_normed_answers_are_nowhere_longer_than_the_positive_one():
    step = call(denoised=random(1) * 3)
    torch.testing.assert_close(CfgNorm(1.0)(step), step.positive)
    shorter = call(denoised=random(1) * 0.5)
    torch.testing.assert_close(CfgNorm(2.0)(shorter), random(1))


def test_the_zero_star_fits_the_negative_noise_to_the_positive_one():
    step = call()
    noises = step.x - step.positive, step.x - step.negative
    share = ((noises[0] * noises[1]).flatten(1).sum(1) / (noises[1] ** 2).flatten(1).sum(1)).view(-1, 1, 1, 1)
    fitted = step.negative * share
    expected = fitted + (step.positive - fitted) * CFG
    torch.testing.assert_close(CfgZeroStar()(call(denoised=plain(step))), expected, rtol=1e-4, atol=1e-4)


def test_less_noise_is_expected_by_a_factor():
    step = call(denoised=random(4))
    torch.testing.assert_close(step.x - ScaledNoise(1.25)(step), (step.x - step.guided) / 1.25)


def test_where_prompts_agree_mahiro_is_plain_guidance_or_the_leap():
    step = call(negative=random(1), denoised=random(1) * CFG)
    torch.testing.assert_close(LikenessGuidance()(step), random(1) * CFG)


def test_damping_keeps_what_is_shared_with_the_positive_answer():
    alike = call(negative=random(1))
    torch.testing.assert_close(TangentialDamping()(alike)[1], alike.negative, rtol=1e-4, atol=1e-4)
    positive, negative = TangentialDamping()(call())
    assert torch.equal(positive, random(1))
    assert (lengths(random(3) - negative) < lengths(random(3) - random(2))).all()


def test_scaling_all_frequencies_scales_the_picture():
    x = random(5)
    torch.testing.assert_close(scaled_spectrum(x, (4, 4), inside=2.0), 2 * x, rtol=1e-4, atol=1e-5)
    mean = scaled_spectrum(x, (0, 0), inside=2.0)
    torch.testing.assert_close(mean, x, rtol=1e-4, atol=1e-5)


def test_fine_and_coarse_guidance_have_strengths_of_their_own():
    step = call(negative=torch.zeros(2, 4, 8, 8), positive=torch.ones(2, 4, 8, 8))
    # A constant is all coarse.
    torch.testing.assert_close(FrequencyScaling(1.0, 9.0, 1)(step)[0], step.positive)
    torch.testing.assert_close(FrequencyScaling(3.0, 9.0, 1)(step)[0], 3 * step.positive)


def test_projection_with_eta_one_and_no_limits_is_plain_guidance_and_one_share_more():
    step = call()
    positive, negative = AdaptiveProjection(1.0, 0.0, 0.0)(step)
    expected = step.positive + (step.positive - step.negative) / CFG
    torch.testing.assert_close(positive, expected)
    assert torch.equal(negative, step.negative)


def test_projection_leaves_out_what_lies_along_the_positive_answer():
    step = call(negative=random(1) * 0.2)
    positive, _ = AdaptiveProjection(0.0, 0.0, 0.0)(step)
    torch.testing.assert_close(positive, step.negative + (step.positive - step.negative) / CFG, rtol=1e-4, atol=1e-4)


def test_projection_limits_the_length_of_guidance():
    step = call()
    positive, _ = AdaptiveProjection(1.0, 5.0, 0.0)(step)
    guidance = positive - step.negative - (step.positive - step.negative) / CFG
    torch.testing.assert_close(lengths(guidance), torch.full((2,), 5.0))


def test_momentum_remembers_steps_of_the_same_run_until_noise_rises():
    hook, run = AdaptiveProjection(1.0, 0.0, 0.5), Run()
    first, _ = hook(call(answer=run))
    second, _ = hook(call(answer=run, sigma=1.0))
    difference = random(1) - random(2)
    torch.testing.assert_close(second - first, 0.5 * difference, rtol=1e-4, atol=1e-4)
    for fresh in (hook(call(answer=run, sigma=3.0)), hook(call(answer=Run(), sigma=0.5))):
        torch.testing.assert_close(fresh[0], first)


@pytest.mark.parametrize(
    "hook", [AdaptiveProjection(0.0, 1.0, 0.0), TangentialDamping(), FrequencyScaling(2.0, 3.0, 1)]
)
def test_without_a_negative_answer_nothing_is_changed(hook):
    step = call(cfg=1.0, negative=torch.zeros(2, 4, 8, 8), is_negative_asked=False)
    assert all(torch.equal(*pair) for pair in zip(hook(step), step.answers, strict=True))


def test_only_what_the_negative_prompt_says_besides_is_avoided():
    positive, empty = random(1), torch.zeros(2, 4, 8, 8)
    along = perp_neg((positive, 0.5 * positive, empty), neg_scale=3.0, cfg=2.0)
    torch.testing.assert_close(along, 2.0 * positive)
    other = random(2)
    across = other - (positive * other).sum() / (positive**2).sum() * positive
    torch.testing.assert_close(perp_neg((positive, other, empty), neg_scale=3.0, cfg=2.0), 2 * (positive - 3 * across))


def test_a_positive_prompt_that_says_nothing_gives_no_invalid_numbers():
    same = random(1)
    assert torch.isfinite(perp_neg((same, random(2), same), neg_scale=1.0, cfg=2.0)).all()


def test_the_patch_is_the_guider_with_one_more_call():
    x, sigma = random(1), torch.full((2,), 2.0)
    lists = prompt(1.0), prompt(-1.0), prompt(0.25)
    model = GaussianModel()
    patched = GaussianModel(guidance=GuidanceHooks(cfg=PerpNegCfg(lists[2], 1.5)))
    guider = PerpNegGuider(model, *lists, cfg=CFG, neg_scale=1.5)
    expected = bound(guider, run_of(x.shape))(x, sigma)
    guidance = bound(CfgGuider(patched, *lists[:2], CFG), run_of(x.shape))
    torch.testing.assert_close(guidance(x, sigma), expected)
    guidance(x, sigma)
    assert (len(model.calls), len(patched.calls)) == (1, 4)
