from dataclasses import replace

import pytest
import torch
from gaussian_model import GaussianModel, ignore_step, prompt, run_of

from studio_engine.errors import EngineError
from studio_engine.sampling.guidance import CfgGuider, bound
from studio_engine.sampling.model import Latent
from studio_engine.sampling.sample import SampleSettings, sample
from studio_engine.sampling.samplers import SAMPLERS

SETTINGS = SampleSettings(seed=5, steps=8, cfg=1.0, sampler="euler", scheduler="normal")
EMPTY = Latent(torch.zeros(2, 4, 8, 8))


def draw(latent=EMPTY, model=None, on_step=ignore_step, positive=0.5, **changes):
    return sample(
        model or GaussianModel(),
        latent,
        replace(SETTINGS, **changes),
        positive=prompt(positive),
        negative=prompt(-0.5),
        on_step=on_step,
    )


def guided(model, *, positive, negative, cfg, rows=1):
    denoise = bound(CfgGuider(model, positive, negative, cfg), run_of((rows, 4, 2, 2)))
    # A sigma of 1e6 leaves nothing of x: what is denoised is the prompt's mean.
    return denoise(torch.zeros(rows, 4, 2, 2), torch.full((rows,), 1e6))


def test_guidance_moves_away_from_the_negative_prompt():
    drawn = guided(GaussianModel(), positive=prompt(1.0), negative=prompt(0.25), cfg=3.0)
    torch.testing.assert_close(drawn, torch.full((1, 4, 2, 2), 0.25 + 3.0 * 0.75))


def test_both_prompts_are_one_call_with_the_negative_first():
    seen = []

    class Watching(GaussianModel):
        def denoise(self, x, sigma, cond):
            seen.extend(cond.context[:, 0, 0].tolist())
            return super().denoise(x, sigma, cond)

    guided(Watching(), positive=prompt(1.0), negative=prompt(-1.0), cfg=7.0, rows=2)
    assert seen == [-1.0, -1.0, 1.0, 1.0]


def test_at_scale_one_the_negative_prompt_is_not_computed():
    model = GaussianModel()
    guided(model, positive=prompt(1.0), negative=prompt(0.0), cfg=1.0, rows=3)
    assert model.calls == [(3, 77)]


@pytest.mark.parametrize(
    ("lengths", "calls"),
    [((77, 154), [(2, 154)]), ((154, 231), [(2, 462)]), ((77, 77 * 5), [(1, 385), (1, 77)])],
)
def test_prompts_of_other_lengths_are_repeated_to_fit_or_computed_apart(lengths, calls):
    model = GaussianModel()
    drawn = guided(model, negative=prompt(0.25, lengths[0]), positive=prompt(1.0, lengths[1]), cfg=3.0)
    torch.testing.assert_close(drawn, torch.full((1, 4, 2, 2), 2.5))
    assert model.calls == calls


@pytest.mark.parametrize("name", sorted(SAMPLERS))
def test_a_run_repeats_bit_for_bit(name):
    assert torch.equal(draw(sampler=name, cfg=4.0), draw(sampler=name, cfg=4.0))


def test_latents_come_back_unscaled_as_fp32_on_the_cpu():
    drawn = draw(Latent(torch.zeros(64, 4, 8, 8)), sampler="heun", steps=40)
    assert (drawn.shape, drawn.dtype, drawn.device.type) == ((64, 4, 8, 8), torch.float32, "cpu")
    # The noise that a run starts from holds none of the mean, which costs 3 % of it.
    assert drawn.mean().item() == pytest.approx(0.5 / 0.18215, rel=0.05)
    assert drawn.std().item() == pytest.approx(0.5 / 0.18215, rel=0.05)


def test_seeds_draw_different_pictures():
    assert not torch.equal(draw(seed=1), draw(seed=2**64 - 1))


def test_a_row_of_a_batch_can_be_drawn_alone():
    batch = draw(Latent(torch.zeros(3, 4, 8, 8), batch_index=(0, 1, 2)))
    alone = draw(Latent(torch.zeros(1, 4, 8, 8), batch_index=(1,)))
    torch.testing.assert_close(batch[1:2], alone, rtol=1e-6, atol=1e-6)


def test_the_first_step_sees_noise_at_the_top_of_the_table():
    seen = []
    draw(on_step=lambda step, steps, x, denoised: seen.append((step, steps, x)))
    assert [(step, steps) for step, steps, _ in seen] == [(step, 8) for step in range(1, 9)]
    generator = torch.Generator().manual_seed(5)
    noise = torch.randn(2, 4, 8, 8, generator=generator)
    torch.testing.assert_close(seen[0][2], noise * (1 + 14.614641**2) ** 0.5)


def test_partial_denoise_starts_from_the_latent():
    start = Latent(torch.full((1, 4, 8, 8), 3.0))
    seen = []
    draw(start, denoise=0.25, on_step=lambda step, steps, x, denoised: seen.append(x))
    noise = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(5))
    sigma = (seen[0] - 3.0 * 0.18215) / noise
    assert sigma.std() < 1e-4
    assert len(seen) == 8


def test_no_denoise_gives_the_latent_back():
    start = Latent(torch.randn(1, 4, 8, 8))
    assert torch.equal(draw(start, denoise=0.0), start.samples)


def test_the_given_latent_is_not_changed():
    start = torch.ones(1, 4, 8, 8)
    draw(Latent(start), denoise=0.5)
    assert torch.equal(start, torch.ones(1, 4, 8, 8))


def test_invalid_numbers_are_an_error_with_advice():
    with pytest.raises(EngineError) as caught:
        draw(positive=float("nan"))
    assert caught.value.code == "engine.non_finite"


@pytest.mark.parametrize(
    ("change", "code"),
    [({"sampler": "teleport"}, "generate.unknown_sampler"), ({"scheduler": "?"}, "generate.unknown_scheduler")],
)
def test_unknown_names_are_refused_before_any_work(change, code):
    model = GaussianModel()
    with pytest.raises(EngineError) as caught:
        draw(model=model, **change)
    assert caught.value.code == code
    assert model.calls == []


def test_a_run_stops_within_one_step_of_being_cancelled():
    model = GaussianModel()

    def cancel(step, steps, x, denoised):
        if step == 3:
            raise EngineError("job.cancelled")

    with pytest.raises(EngineError, match="cancelled"):
        draw(model=model, on_step=cancel)
    assert len(model.calls) == 3
