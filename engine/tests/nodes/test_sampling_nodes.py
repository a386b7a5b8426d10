"""Nodes that draw, on a model whose answers are known."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from studio_engine.errors import EngineError
from studio_engine.sampling.flow import sd3_sampling
from studio_engine.sampling.model import Latent, LatentFormat
from tests.nodes.node_runner import Quiet, one, run
from tests.sampling.gaussian_model import GaussianModel, prompt

EMPTY = Latent(torch.zeros(2, 4, 8, 8))
PROMPTS = {"positive": prompt(0.5), "negative": prompt(-0.5)}


def draw(node="KSampler", ctx=None, latent=EMPTY, **changes):
    return one(node, ctx, **({"model": GaussianModel(), "latent_image": latent, "steps": 4, **PROMPTS} | changes))


def custom(**changes):
    settings = {
        "model": GaussianModel(),
        "sampler": one("KSamplerSelect", sampler_name="euler"),
        "sigmas": one("KarrasScheduler", steps=4),
        "latent_image": EMPTY,
        **PROMPTS,
    }
    return run("SamplerCustom", **(settings | changes))


def advanced(guider, noise=None, **changes):
    settings = {
        "noise": noise or one("RandomNoise", noise_seed=0),
        "guider": guider,
        "sampler": one("KSamplerSelect", sampler_name="euler"),
        "sigmas": one("KarrasScheduler", steps=4),
        "latent_image": EMPTY,
    }
    return run("SamplerCustomAdvanced", **(settings | changes))


def test_progress_and_previews_are_told_once_per_step():
    ctx = Quiet()
    draw(ctx=ctx)
    assert ctx.steps == [(step, 4) for step in range(1, 5)]
    assert len(ctx.previews) == 4


def test_mask_and_numbers_of_the_latents_are_kept():
    latent = Latent(torch.zeros(2, 4, 8, 8), (3, 4), torch.ones(1, 1, 8, 8))
    for drawn in (draw(latent=latent), draw("KSamplerAdvanced", latent=latent)):
        assert drawn.batch_index == (3, 4)
        assert drawn.mask is latent.mask


def test_the_advanced_sampler_is_the_plain_one_in_parts():
    settings = {"noise_seed": 0, "scheduler": "karras"}
    first = draw("KSamplerAdvanced", end_at_step=2, return_with_leftover_noise="enable", **settings)
    second = draw("KSamplerAdvanced", latent=first, add_noise="disable", start_at_step=2, **settings)
    torch.testing.assert_close(second.samples, draw(scheduler="karras").samples, rtol=1e-4, atol=1e-4)


def test_a_run_put_together_is_the_plain_one():
    expected = draw(scheduler="karras").samples
    sigmas = one("BasicScheduler", model=GaussianModel(), scheduler="karras", steps=4)
    output, denoised = custom(sigmas=sigmas)
    assert torch.equal(output.samples, expected)
    torch.testing.assert_close(denoised.samples, expected)
    guider = one("CFGGuider", model=GaussianModel(), **PROMPTS)
    assert torch.equal(advanced(guider, sigmas=sigmas)[0].samples, expected)


def test_without_noise_the_latents_are_where_the_run_starts():
    noise, start = one("DisableNoise"), Latent(torch.ones(1, 4, 8, 8))
    guider = one("BasicGuider", model=GaussianModel(), conditioning=prompt(0.5))
    once, again = (advanced(guider, noise, latent_image=start)[0].samples for _ in range(2))
    assert torch.equal(once, again)
    assert once.std() < 1e-5
    torch.testing.assert_close(custom(add_noise=False, latent_image=start, cfg=1.0)[0].samples, once)


def test_invalid_numbers_tell_their_step():
    with pytest.raises(EngineError, match="at step 1 of 4") as caught:
        draw(positive=prompt(float("nan")))
    assert (caught.value.code, caught.value.details["step"]) == ("engine.non_finite", 1)


@pytest.mark.parametrize("format", [LatentFormat(), LatentFormat(scale=1.5305, shift=0.0609)])
def test_added_noise_is_that_of_the_level(format):
    model, level = GaussianModel(latent=format), torch.tensor([2.0, 0.5])
    start = Latent(torch.full((1, 4, 8, 8), 3.0))
    noisy = one("AddNoise", model=model, noise=one("RandomNoise", noise_seed=7), sigmas=level, latent_image=start)
    noise = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(7))
    torch.testing.assert_close(noisy.samples, start.samples + noise * 1.5 / format.scale, rtol=1e-4, atol=1e-4)
    assert one("AddNoise", model=model, noise=one("DisableNoise"), sigmas=torch.empty(0), latent_image=start) is start


def test_empty_latents_are_no_grey_picture():
    model = GaussianModel(latent=LatentFormat(scale=1.5305, shift=0.0609))
    settings = {"model": model, "noise": one("RandomNoise", noise_seed=7), "sigmas": torch.tensor([2.0, 0.5])}
    noisy = one("AddNoise", latent_image=Latent(torch.zeros(1, 4, 8, 8)), **settings)
    noise = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(7))
    # What the model sees is noise alone; the shift comes back with the scale.
    torch.testing.assert_close(model.latent.to_model(noisy.samples), noise * 1.5, rtol=1e-4, atol=1e-4)


def test_latents_of_another_family_are_refused_and_empty_ones_fitted():
    sixteen = GaussianModel(latent=LatentFormat(channels=16))
    with pytest.raises(EngineError, match="another family"):
        draw(model=sixteen, latent=Latent(torch.ones(1, 4, 8, 8)))
    assert draw(model=sixteen, latent=EMPTY).samples.shape == (2, 16, 8, 8)


def test_other_options_draw_other_pictures():
    samplers = [
        one("SamplerEulerAncestral", eta=0.5),
        one("SamplerEulerAncestralCFGPP", eta=0.5),
        one("SamplerDPMPP_2S_Ancestral", eta=0.5),
        one("SamplerDPMPP_SDE", r=0.4),
        one("SamplerDPMPP_2M_SDE", solver_type="heun"),
        one("SamplerDPMPP_3M_SDE", eta=0.5),
        one("SamplerDPMAdaptative", rtol=0.01),
        one("SamplerLMS", order=2),
        one("SamplerER_SDE", solver_type="ODE"),
        one("SamplerER_SDE", solver_type="Reverse-time SDE"),
        one("SamplerSASolver", model=GaussianModel(), simple_order_2=True, predictor_order=2, use_pece=False),
        one("SamplerSASolver", model=GaussianModel(), simple_order_2=False, predictor_order=2, use_pece=False),
        one("SamplerEulerCFGpp", version="alternative"),
    ]
    pictures = [custom(sampler=sampler)[0].samples for sampler in samplers]
    assert all(torch.isfinite(each).all() for each in pictures)
    assert len({each.numpy().tobytes() for each in pictures}) == len(samplers)


@pytest.mark.parametrize(("ratio", "steps", "side"), [(2.0, -1, 16), (1.5, 2, 12), (1.0, -1, 8), (0.5, 1, 4)])
def test_latents_grow_while_they_are_drawn(ratio, steps, side):
    sampler = one("SamplerLCMUpscale", scale_ratio=ratio, scale_steps=steps)
    drawn = custom(sampler=sampler)[0].samples
    assert drawn.shape[2:] == (side, side)
    assert drawn.mean().item() == pytest.approx(7.5 / 0.18215, rel=0.1)


def test_sigmas_are_cut_turned_and_raised():
    sigmas = torch.tensor([8.0, 4.0, 2.0, 0.0])
    high, low = run("SplitSigmas", sigmas=sigmas, step=1)
    assert (high.tolist(), low.tolist()) == ([8, 4], [4, 2, 0])
    high, low = run("SplitSigmasDenoise", sigmas=sigmas, denoise=0.34)
    assert (high.tolist(), low.tolist()) == ([8, 4, 2], [2, 0])
    assert one("FlipSigmas", sigmas=sigmas).tolist() == pytest.approx([1e-4, 2, 4, 8])
    assert one("SetFirstSigma", sigmas=sigmas, sigma=9.0).tolist() == [9, 4, 2, 0]
    extended = one("ExtendIntermediateSigmas", sigmas=sigmas, steps=2, end_at_sigma=3.0)
    assert extended.tolist() == [8, 6, 4, 3, 2, 0]


@pytest.mark.parametrize(
    ("percent", "actual", "plain"), [(0.0, 14.6146, 999999999.9), (1.0, 0.0292, 0.0), (0.5, 1.6, 1.6)]
)
def test_a_share_of_the_run_has_a_level(percent, actual, plain):
    model = GaussianModel()
    values = [
        one("SamplingPercentToSigma", model=model, sampling_percent=percent, return_actual_sigma=each)
        for each in (True, False)
    ]
    assert values == pytest.approx([actual, plain], rel=0.05)


@given(st.integers(1, 40), st.floats(0.05, 1.0))
def test_schedulers_of_the_model_keep_the_end_of_longer_runs(steps, denoise):
    model = GaussianModel(sampling=sd3_sampling())
    sigmas = one("BasicScheduler", model=model, scheduler="simple", steps=steps, denoise=denoise)
    assert len(sigmas) <= steps + 1
    assert sigmas[-1] == 0


@pytest.mark.parametrize("kind", ["FLUX", "Wan", "Chroma"])
@given(steps=st.integers(3, 60), denoise=st.floats(0.05, 1.0))
def test_optimal_steps_fall_to_zero(kind, steps, denoise):
    sigmas = one("OptimalStepsScheduler", model_type=kind, steps=steps, denoise=denoise)
    assert len(sigmas) == max(1, round(steps * denoise)) + 1 or round(steps * denoise) == 0
    assert (sigmas.diff() < 0).all()
    assert sigmas[-1] == 0


@given(st.integers(1, 40), st.floats(0.0, 0.9))
def test_a_stretched_flow_ends_at_the_terminal(steps, terminal):
    sigmas = one("LTXVScheduler", steps=steps, terminal=terminal)
    assert (sigmas[0].item(), sigmas[-1].item()) == pytest.approx((1.0, 0.0))
    if steps > 1:
        assert sigmas[-2].item() == pytest.approx(terminal, abs=1e-5)
    plain = one("LTXVScheduler", steps=steps, terminal=terminal, stretch=False)
    assert torch.isfinite(plain).all()


def test_more_tokens_need_more_noise():
    small, large = (one("LTXVScheduler", steps=4, latent=Latent(torch.zeros(1, 4, side, side))) for side in (16, 64))
    assert (large[1:-2] > small[1:-2]).all()
    assert torch.equal(large, one("LTXVScheduler", steps=4))
