"""Guiders: which prompts are asked, and how their answers are joined."""

import pytest
import torch
from gaussian_model import GaussianModel, prompt, run_of

from studio_engine.sampling.guidance import BasicGuider, CfgGuider, DualCfgGuider, bound
from studio_engine.sampling.hooks import GuidanceHooks

POSITIVE, MIDDLE, NEGATIVE = prompt(1.0), prompt(0.25), prompt(-1.0)


def answer(guider, *, both=False):
    """The guided answer where sigma leaves nothing of x: prompts then answer their means."""
    guidance = bound(guider, run_of())
    x, sigma = torch.zeros(1, 4, 2, 2), torch.full((1,), 1e6)
    if both:
        return tuple(each[0, 0, 0, 0].item() for each in guidance.both(x, sigma))
    return guidance(x, sigma)[0, 0, 0, 0].item()


def dual(cfg, cfg_middle, model=None, **changes):
    return DualCfgGuider(
        model or GaussianModel(), POSITIVE, MIDDLE, NEGATIVE, cfg=cfg, cfg_middle=cfg_middle, **changes
    )


def test_a_basic_guider_follows_one_prompt():
    model = GaussianModel()
    assert answer(BasicGuider(model, POSITIVE)) == pytest.approx(1.0)
    assert model.calls == [(1, 77)]


def test_without_a_negative_prompt_the_noise_is_judged_by_the_positive_one():
    assert answer(BasicGuider(GaussianModel(), POSITIVE), both=True) == pytest.approx((1.0, 1.0))


def test_the_noise_is_judged_by_the_negative_prompt_even_at_scale_one():
    model = GaussianModel()
    assert answer(CfgGuider(model, POSITIVE, NEGATIVE, 1.0), both=True) == pytest.approx((1.0, -1.0))
    assert model.calls == [(2, 77)]


def test_dual_guidance_goes_by_way_of_the_middle_prompt():
    # From negative to middle, and from middle to positive.
    assert answer(dual(3.0, 2.0)) == pytest.approx(-1.0 + 2.0 * 1.25 + 3.0 * 0.75)


def test_nested_guidance_pushes_the_result_of_the_first():
    assert answer(dual(3.0, 2.0, is_nested=True)) == pytest.approx(-1.0 + 2.0 * (0.25 + 3.0 * 0.75 + 1.0))


@pytest.mark.parametrize(("scales", "rows"), [((3.0, 2.0), 3), ((3.0, 1.0), 2), ((1.0, 1.0), 1), ((1.0, 2.0), 3)])
def test_prompts_without_weight_are_not_asked(scales, rows):
    model = GaussianModel()
    value = answer(dual(*scales, model=model))
    assert model.calls == [(rows, 77)]
    assert value == pytest.approx(
        answer(dual(*scales, model=GaussianModel(guidance=GuidanceHooks(always_asks_negative=True))))
    )


def test_hooks_run_before_and_after_guidance_in_their_order():
    hooks = (
        GuidanceHooks()
        .with_pre_cfg(lambda call: (call.positive + 1, call.negative))
        .with_pre_cfg(lambda call: (call.positive * 10, call.negative))
        .with_post_cfg(lambda call: call.guided + 1)
        .with_post_cfg(lambda call: call.guided * 2)
    )
    # ((1 + 1) · 10 is guided by 3 from -1.
    assert answer(CfgGuider(GaussianModel(guidance=hooks), POSITIVE, NEGATIVE, 3.0)) == pytest.approx(
        (-1 + 21 * 3 + 1) * 2
    )


def test_a_hook_may_ask_in_place_of_the_guider():
    def ask(answer, model, prompts, x, sigma):
        return answer(model, (prompts[1], prompts[0]), x, sigma)

    model = GaussianModel(guidance=GuidanceHooks(ask=ask))
    assert answer(CfgGuider(model, POSITIVE, NEGATIVE, 3.0)) == pytest.approx(1.0 + 3.0 * -2.0)
