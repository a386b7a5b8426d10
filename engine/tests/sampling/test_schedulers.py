import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from studio_engine.errors import EngineError
from studio_engine.sampling.cosine import cascade_sampling
from studio_engine.sampling.discrete import discrete_sampling, distilled_sampling
from studio_engine.sampling.edm import continuous_sampling
from studio_engine.sampling.flow import flux_sampling, flux_shift, schnell_sampling, sd3_sampling
from studio_engine.sampling.samplers import SAMPLERS
from studio_engine.sampling.schedulers import SCHEDULERS
from studio_engine.sampling.sigmas import DISCARDS_PENULTIMATE, calculate_sigmas, sampler_sigmas

DISCRETE = [discrete_sampling(), discrete_sampling("v", is_zero_snr=True)]
FLOWS = [sd3_sampling(), flux_sampling(), schnell_sampling()]
MODELS = [*DISCRETE, *FLOWS, continuous_sampling("v"), continuous_sampling("edm", (0.002, 80.0), data_deviation=0.5)]
IN_EXACT_STEPS = sorted(SCHEDULERS.keys() - {"ddim_uniform", "beta"})

models = st.sampled_from(MODELS)
steps_counts = st.integers(1, 150)


@given(models, st.sampled_from(sorted(SCHEDULERS)), steps_counts)
def test_sigmas_fall_strictly_to_zero_within_the_table(model, scheduler, steps):
    sigmas = calculate_sigmas(model, scheduler, steps)
    assert sigmas.dtype == torch.float32
    assert torch.isfinite(sigmas).all()
    assert (sigmas.diff() < 0).all()
    assert sigmas[-1] == 0
    assert sigmas[0] <= model.sigma_max * (1 + 1e-5)
    assert sigmas[-2] >= model.sigma_min * (1 - 1e-4)


@given(models, st.sampled_from(IN_EXACT_STEPS), steps_counts)
def test_one_sigma_per_step_and_a_zero(model, scheduler, steps):
    assert len(calculate_sigmas(model, scheduler, steps)) == steps + 1


@given(models, steps_counts)
def test_ddim_uniform_takes_whole_strides_of_the_table(model, steps):
    entries = len(model.sigmas)
    assert len(calculate_sigmas(model, "ddim_uniform", steps)) == len(range(1, entries, entries // steps)) + 1


@given(st.sampled_from(IN_EXACT_STEPS), st.sampled_from(sorted(SAMPLERS)), steps_counts, st.floats(1e-9, 1.0))
def test_partial_denoise_keeps_the_number_of_steps(scheduler, sampler, steps, denoise):
    sigmas = sampler_sigmas(MODELS[0], scheduler, sampler, steps=steps, denoise=denoise)
    # A schedule longer than the table repeats sigmas, which are then left out.
    assert len(sigmas) == steps + 1 if steps / denoise < 900 else 2 <= len(sigmas) <= steps + 1
    assert (sigmas.diff() < 0).all()
    assert sigmas[-1] == 0


@given(models, st.sampled_from(sorted(SCHEDULERS)), st.sampled_from([999, 1000, 1001, 10_000]))
def test_more_steps_than_the_table_has_entries_still_fall(model, scheduler, steps):
    sigmas = sampler_sigmas(model, scheduler, "dpmpp_2m", steps=steps)
    assert (sigmas.diff() < 0).all()
    assert torch.isfinite(sigmas).all()


@given(st.sampled_from(sorted(DISCARDS_PENULTIMATE)), st.integers(1, 60))
def test_samplers_with_unstable_ends_skip_the_smallest_sigma(sampler, steps):
    longer = calculate_sigmas(MODELS[0], "karras", steps + 1)
    sigmas = sampler_sigmas(MODELS[0], "karras", sampler, steps=steps)
    assert sigmas.tolist() == [*longer[:-2].tolist(), 0.0]


def test_no_denoise_means_no_sigmas():
    assert len(sampler_sigmas(MODELS[0], "normal", "euler", steps=20, denoise=0.0)) == 0


def test_unknown_scheduler_names_the_choices():
    with pytest.raises(EngineError) as caught:
        calculate_sigmas(MODELS[0], "sideways", 20)
    assert caught.value.code == "generate.unknown_scheduler"
    assert caught.value.details["choices"] == list(SCHEDULERS)


@given(st.sampled_from([*DISCRETE, continuous_sampling(), sd3_sampling(1.0)]), st.integers(0, 999))
def test_timestep_inverts_sigma_on_the_table(model, index):
    timestep = model.timestep(model.sigmas[index])
    assert model.sigma(timestep.float()).item() == pytest.approx(model.sigmas[index].item(), rel=1e-5)


@given(st.sampled_from(DISCRETE), st.integers(0, 999))
def test_discrete_timesteps_are_indexes(model, index):
    assert model.timestep(model.sigmas[index]).item() == index


def test_timestep_keeps_the_shape_of_sigma():
    assert MODELS[0].timestep(torch.tensor([[1.0, 2.0], [3.0, 4.0]])).shape == (2, 2)


def ideal_output(model, clean, noise, level):
    """What a network that knows both answers, in the terms of each prediction's paper."""
    spread = (level**2 + model.data_deviation**2).sqrt()
    return {
        "eps": noise,
        "v": (noise * model.data_deviation**2 - clean * level) / (model.data_deviation * spread),
        "edm": (clean * level - noise * model.data_deviation**2) / (model.data_deviation * spread),
        "x0": clean,
        "img_to_img": clean,
        "flow": noise - clean,
    }[model.prediction]


PREDICTIONS = [
    *MODELS,
    *(discrete_sampling(prediction) for prediction in ("v", "x0", "img_to_img")),
    cascade_sampling(),
    continuous_sampling("eps", (0.03, 80.0)),
]


@given(st.sampled_from(PREDICTIONS), st.floats(0.03, 100.0))
def test_denoised_recovers_the_picture_from_a_perfect_network(model, sigma):
    sigma = sigma / 100 if model.is_flow else sigma
    clean, noise = torch.randn(2, 1, 4, 4, 4).unbind()
    level = torch.tensor(sigma)
    x = model.noised(clean, noise, level)
    output = ideal_output(model, clean, noise, level)
    torch.testing.assert_close(model.denoised(x, level, output), clean, atol=4e-6 * max(1.0, sigma), rtol=1e-4)


@given(st.sampled_from(PREDICTIONS), st.floats(0.03, 0.97))
def test_networks_see_unit_variance_but_for_flows_and_filters(model, sigma):
    level = torch.tensor(sigma)
    x = model.noised(torch.full((4,), model.data_deviation), torch.zeros(4), level)
    expected = x if model.prediction in ("flow", "img_to_img") else x / (sigma**2 + model.data_deviation**2) ** 0.5
    torch.testing.assert_close(model.scaled_input(x, level), expected)


def test_input_is_divided_as_comfyui_does_bit_for_bit():
    x, sigma = torch.randn(1000), torch.rand(1000) * 14
    assert torch.equal(MODELS[0].scaled_input(x, sigma), x / torch.sqrt(sigma * sigma + 1))


@given(st.sampled_from(FLOWS), st.floats(0.0, 0.999))
def test_a_flow_runs_straight_from_noise_to_picture(model, sigma):
    latent, noise = torch.randn(2, 1, 4, 4, 4).unbind()
    x = model.add_noise(latent, noise, sigma)
    torch.testing.assert_close(x, sigma * noise + (1 - sigma) * latent)
    without_noise = model.add_noise(latent, torch.zeros_like(noise), sigma)
    torch.testing.assert_close(model.finished(without_noise, sigma), latent, rtol=1e-3, atol=1e-5)


@given(models, st.floats(0.05, 0.95))
def test_log_snr_falls_and_can_be_undone(model, sigma):
    level = torch.tensor(sigma)
    log_snr = model.log_snr(level)
    torch.testing.assert_close(log_snr.exp(), model.signal(level) / level)
    torch.testing.assert_close(model.sigma_of_log_snr(log_snr), level)


@pytest.mark.parametrize("model", MODELS)
def test_a_run_from_pure_noise_gets_a_finite_log_snr(model):
    sigmas = model.with_finite_snr(calculate_sigmas(model, "simple", 4))
    assert torch.isfinite(model.log_snr(sigmas[:-1])).all()
    assert sigmas[0].item() == pytest.approx(model.sigma_max, rel=1e-3)
    assert (sigmas.diff() < 0).all()


@pytest.mark.parametrize(("size", "shift"), [((256, 256), 0.5), ((1024, 1024), 1.15), ((1024, 512), 0.8033333)])
def test_flux_shifts_more_for_bigger_pictures(size, shift):
    assert flux_shift(*size) == pytest.approx(shift)


def test_noise_at_the_top_of_the_table_is_as_strong_as_noise_and_data():
    model, noise = MODELS[0], torch.randn(1, 4, 8, 8)
    latent = torch.zeros_like(noise)
    below = model.add_noise(latent, noise, 7.0)
    top = model.add_noise(latent, noise, model.sigma_max)
    torch.testing.assert_close(below, noise * 7.0)
    torch.testing.assert_close(top, noise * (1 + model.sigma_max**2) ** 0.5)


def test_consistency_models_know_every_twentieth_entry():
    model, original = distilled_sampling(), DISCRETE[0]
    assert model.sigmas.tolist() == original.sigmas[[*range(19, 1000, 20)]].tolist()
    assert model.timestep(model.sigmas).tolist() == [*range(19, 1000, 20)]
    torch.testing.assert_close(model.sigma(torch.tensor([19, 519, 999])), original.sigmas[[19, 519, 999]])
    assert len(calculate_sigmas(model, "sgm_uniform", 4)) == 5


def test_consistency_models_answer_almost_alone():
    clean, noise = torch.randn(2, 1, 4, 4, 4).unbind()
    sigma = torch.tensor(5.0)
    answer = distilled_sampling().denoised(clean + sigma * noise, sigma, noise)
    torch.testing.assert_close(answer, clean, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("shift", [1.0, 2.0])
def test_cascade_levels_follow_the_cosine(shift):
    model = cascade_sampling(shift)
    assert len(model.sigmas) == 10_000
    assert model.sigma_max == pytest.approx(99.99, rel=1e-3)
    # Halfway the cosine leaves half of the variance, but for the offset.
    assert model.sigma(torch.tensor(0.5)).item() == pytest.approx(shift, rel=0.02)
    assert (calculate_sigmas(model, "simple", 20).diff() < 0).all()


def test_cascade_timesteps_are_times():
    model = cascade_sampling(1.0)
    times = torch.tensor([0.1, 0.5, 0.9])
    torch.testing.assert_close(model.timestep(model.sigma(times)), times, rtol=1e-4, atol=1e-4)
    assert model.percent_to_sigma(0.25) == pytest.approx(model.sigma(torch.tensor(0.75)).item())
