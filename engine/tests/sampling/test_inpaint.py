"""Masks: what is kept, what is drawn anew, and what noise the kept part gets."""

from dataclasses import replace

import pytest
import torch
from gaussian import Exact
from gaussian_model import GaussianModel, ignore_step, prompt
from hypothesis import given
from hypothesis import strategies as st

from studio_engine.sampling.discrete import discrete_sampling
from studio_engine.sampling.flow import sd3_sampling
from studio_engine.sampling.hooks import GuidanceHooks
from studio_engine.sampling.inpaint import DifferentialDiffusion, Masked, latent_mask
from studio_engine.sampling.model import Latent
from studio_engine.sampling.noise import initial_noise
from studio_engine.sampling.sample import SampleSettings, sample
from studio_engine.sampling.samplers import SAMPLERS

SETTINGS = SampleSettings(seed=5, steps=8, cfg=3.0, sampler="euler", scheduler="normal")
MODELS = [discrete_sampling(), sd3_sampling()]
KEPT = 2.5
# The right half is drawn anew.
HALF = torch.cat([torch.zeros(1, 16, 8), torch.ones(1, 16, 8)], dim=-1)
PICTURE = torch.full((1, 4, 16, 16), KEPT)
UNFINISHED = ("dpm_fast", "dpm_adaptive", "uni_pc", "uni_pc_bh2")


def draw(mask=HALF, sampling=MODELS[0], model=None, **changes):
    latent = Latent(PICTURE, mask=mask)
    model = model or GaussianModel(sampling=sampling)
    settings = replace(SETTINGS, **changes)
    return sample(model, latent, settings, positive=prompt(0.5), negative=prompt(-0.5), on_step=ignore_step)


@pytest.mark.parametrize("sampling", MODELS)
@pytest.mark.parametrize("sampler", sorted(SAMPLERS))
def test_where_the_mask_is_zero_latents_stay(sampling, sampler):
    drawn = draw(sampling=sampling, sampler=sampler)
    if sampler in UNFINISHED:
        # They end above sigma 0, with a little noise everywhere.
        assert (drawn[..., :8] - KEPT).abs().mean() < 0.2
    else:
        torch.testing.assert_close(drawn[..., :8], PICTURE[..., :8], rtol=0, atol=1e-5)
    assert (drawn[..., 8:] - KEPT).abs().mean() > 0.3


def test_a_mask_of_ones_is_no_mask():
    torch.testing.assert_close(draw(torch.ones(1, 64, 64)), draw(None), rtol=0, atol=1e-5)


class Spy(GaussianModel):
    """Keeps what it is asked."""

    def denoise(self, x, sigma, cond):
        self.calls.append((x[0], sigma[0]))
        return super().denoise(x, sigma, cond)


@pytest.mark.parametrize(("sampler", "seed"), [("euler", 5), ("ddim", 6)])
@pytest.mark.parametrize("sampling", MODELS)
def test_kept_latents_are_seen_at_the_noise_of_the_step(sampling, sampler, seed):
    model = Spy(sampling=sampling)
    draw(model=model, sampler=sampler)
    x, sigma = model.calls[4]
    expected = sampling.noised(PICTURE * 0.18215, initial_noise(PICTURE, seed), sigma)
    torch.testing.assert_close(x[..., :8], expected[0, ..., :8], rtol=0, atol=1e-4)


def test_the_noise_after_the_largest_seed_starts_over():
    model = Spy()
    draw(model=model, sampler="ddim", seed=2**64 - 1)
    x, sigma = model.calls[4]
    expected = model.sampling.noised(PICTURE * 0.18215, initial_noise(PICTURE, 0), sigma)
    torch.testing.assert_close(x[..., :8], expected[0, ..., :8], rtol=0, atol=1e-4)


def test_a_grey_mask_mixes_the_answer_with_the_latents():
    masked = Masked(
        Exact(),
        latent=torch.full((1, 2), 3.0),
        noise=torch.zeros(1, 2),
        mask=torch.tensor([[0.25, 1.0]]),
        sigmas=SIGMAS,
    )
    x, sigma = torch.ones(1, 2), torch.tensor([2.0])
    seen = torch.tensor([[0.25 + 0.75 * 3.0, 1.0]])
    answer = Exact()(seen, sigma)
    torch.testing.assert_close(masked(x, sigma), answer * masked.mask + 3.0 * (1 - masked.mask))
    torch.testing.assert_close(masked.both(x, sigma)[1], answer)


SIGMAS = torch.tensor([14.614641, 2.0, 0.5, 0.0])


@given(st.integers(1, 3), st.integers(1, 40), st.integers(1, 40), st.integers(1, 4), st.booleans())
def test_masks_of_any_size_fit_the_latents(rows, height, width, batch, has_channel):
    shape = (rows, 1, height, width) if has_channel else (rows, height, width)
    values = torch.rand(rows).view(-1, *[1] * (len(shape) - 1)).expand(shape)
    mask = latent_mask(values, torch.zeros(batch, 4, 8, 8))
    assert mask.shape == (batch, 1, 8, 8)
    for row in range(batch):
        torch.testing.assert_close(mask[row].mean(), values.flatten(1)[row % rows, 0])


def test_masks_are_resized_bilinearly():
    mask = latent_mask(torch.tensor([[[0.0, 1.0]]]), torch.zeros(1, 4, 1, 4))
    assert mask.flatten().tolist() == [0.0, 0.25, 0.75, 1.0]


def shares_of(sampling, sigmas):
    seen = []
    masked = Masked(
        Exact(sampling),
        latent=torch.zeros(1, 1),
        noise=torch.zeros(1, 1),
        mask=torch.ones(1, 1),
        sigmas=sigmas,
        schedule=lambda mask, share: seen.append(float(share)) or mask,
    )
    for sigma in sigmas[:-1]:
        masked(torch.zeros(1, 1), sigma.view(1))
    return seen


def test_a_schedule_is_told_the_share_of_timesteps_ahead():
    table = MODELS[0].sigmas
    assert shares_of(MODELS[0], torch.stack([table[999], table[500], table[250], torch.tensor(0.0)])) == pytest.approx(
        [1.0, 500 / 999, 250 / 999]
    )
    # A flow's timesteps are its sigmas; a run that ends early has none ahead at its end.
    assert shares_of(MODELS[1], torch.tensor([0.9, 0.5, 0.3, 0.1])) == pytest.approx([1.0, 0.5, 0.25])


def test_differential_diffusion_frees_places_by_their_grey():
    mask = torch.tensor([0.0, 0.3, 0.6, 1.0])
    assert DifferentialDiffusion()(mask, torch.tensor(0.5)).tolist() == [0.0, 0.0, 1.0, 1.0]
    assert DifferentialDiffusion(0.5)(mask, torch.tensor(0.5)).tolist() == pytest.approx([0.0, 0.15, 0.8, 1.0])
    assert DifferentialDiffusion(0.0)(mask, torch.tensor(0.5)).tolist() == [0.0, 0.0, 1.0, 1.0]


def test_differential_diffusion_keeps_dark_places_longer():
    grey = torch.linspace(0, 1, 16).expand(1, 16, 16)
    drawn = draw(grey, model=GaussianModel(guidance=GuidanceHooks(mask=DifferentialDiffusion())), steps=30)
    change = (drawn - KEPT).abs().mean(dim=(0, 1, 2))
    # At the table's lowest level none of the timesteps is ahead: even black is free then, as in ComfyUI.
    assert change[0] < 0.2
    assert change[:5].mean() < change[5:10].mean() < change[11:].mean()
