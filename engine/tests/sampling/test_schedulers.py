import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from studio_engine.errors import EngineError
from studio_engine.sampling.discrete import discrete_sampling
from studio_engine.sampling.samplers import SAMPLERS
from studio_engine.sampling.schedulers import SCHEDULERS
from studio_engine.sampling.sigmas import DISCARDS_PENULTIMATE, calculate_sigmas, sampler_sigmas

MODELS = [discrete_sampling(), discrete_sampling("v", is_zero_snr=True)]
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
    assert sigmas[0] <= model.sigma_max * (1 + 1e-6)
    assert sigmas[-2] >= model.sigma_min * (1 - 1e-4)


@given(models, st.sampled_from(IN_EXACT_STEPS), steps_counts)
def test_one_sigma_per_step_and_a_zero(model, scheduler, steps):
    assert len(calculate_sigmas(model, scheduler, steps)) == steps + 1


@given(models, steps_counts)
def test_ddim_uniform_takes_whole_strides_of_the_table(model, steps):
    stride = 1000 // steps
    assert len(calculate_sigmas(model, "ddim_uniform", steps)) == len(range(1, 1000, stride)) + 1


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


@given(models, st.integers(0, 999))
def test_timestep_inverts_sigma_on_the_table(model, index):
    assert model.timestep(model.sigmas[index]).item() == index
    assert model.sigma(torch.tensor(float(index))).item() == pytest.approx(model.sigmas[index].item(), rel=1e-5)


def test_timestep_keeps_the_shape_of_sigma():
    assert MODELS[0].timestep(torch.tensor([[1.0, 2.0], [3.0, 4.0]])).shape == (2, 2)


@given(models, st.floats(0.03, 100.0))
def test_denoised_recovers_the_picture_from_a_perfect_network(model, sigma):
    clean, noise = torch.randn(2, 1, 4, 4, 4).unbind()
    level = torch.tensor(sigma)
    x = clean + level * noise
    scaled = level / (level**2 + 1).sqrt()
    outputs = {"eps": noise, "v": noise / (level**2 + 1).sqrt() - clean * scaled}
    torch.testing.assert_close(
        model.denoised(x, level, outputs[model.prediction]), clean, atol=2e-6 * max(1.0, sigma), rtol=1e-4
    )


def test_noise_at_the_top_of_the_table_is_as_strong_as_noise_and_data():
    model, noise = MODELS[0], torch.randn(1, 4, 8, 8)
    latent = torch.zeros_like(noise)
    below = model.add_noise(latent, noise, 7.0)
    top = model.add_noise(latent, noise, model.sigma_max)
    torch.testing.assert_close(below, noise * 7.0)
    torch.testing.assert_close(top, noise * (1 + model.sigma_max**2) ** 0.5)
