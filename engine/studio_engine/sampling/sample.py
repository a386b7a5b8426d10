"""One sampling run: from a latent and a seed to a finished latent."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from studio_engine.errors import EngineError
from studio_engine.sampling.guidance import CfgGuider, Guider, bound
from studio_engine.sampling.inpaint import Masked, latent_mask
from studio_engine.sampling.model import Conditioning, Latent, Model, RunInfo
from studio_engine.sampling.noise import MAX_SEED, initial_noise, no_noise
from studio_engine.sampling.samplers import get_sampler
from studio_engine.sampling.samplers.euler import ddim
from studio_engine.sampling.samplers.protocol import Denoise, OnStep, Sampler
from studio_engine.sampling.sigmas import between_steps, sampler_sigmas


@dataclass(frozen=True)
class StepRange:
    """ComfyUI's KSamplerAdvanced settings: a part of a run, so that several samplers can share it."""

    start: int = 0
    end: int | None = None
    """The first step that is not walked; None = to the end."""
    adds_noise: bool = True
    """False where the latents still hold the noise of an earlier part."""
    has_leftover_noise: bool = False


@dataclass(frozen=True, kw_only=True)
class SampleSettings:
    """ComfyUI's KSampler settings."""

    seed: int
    steps: int
    cfg: float
    sampler: str
    scheduler: str
    denoise: float = 1.0
    part: StepRange = field(default_factory=StepRange)


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a run walks, spelled out: ComfyUI's SamplerCustom settings."""

    sampler: Sampler
    sigmas: Tensor
    """fp32 on the CPU, falling; fewer than two give the latents back."""
    noise: Tensor
    """Shaped as the latents: `initial_noise`, or `no_noise`."""
    seed: int
    """Of the noise that stochastic samplers add on the way."""


@dataclass(frozen=True)
class Sampled:
    """Raw latents, fp32 on the CPU."""

    samples: Tensor
    """At the run's last sigma: with noise, where that is above 0."""
    denoised: Tensor
    """The clean picture as the last step saw it."""


def sample(
    model: Model,
    latent: Latent,
    settings: SampleSettings,
    *,
    positive: Conditioning,
    negative: Conditioning,
    on_step: OnStep,
) -> Tensor:
    """Raw latents, fp32 on the CPU, shaped as `latent.samples`.

    Raises `generate.unknown_sampler`, `generate.unknown_scheduler`, `engine.non_finite`, and whatever
    `on_step` raises to stop the run.
    """
    sampler, part = get_sampler(settings.sampler), settings.part
    sigmas = sampler_sigmas(
        model.sampling, settings.scheduler, settings.sampler, steps=settings.steps, denoise=settings.denoise
    )
    sigmas = between_steps(sigmas, part.start, part.end, has_leftover_noise=part.has_leftover_noise)
    draw = initial_noise if part.adds_noise else no_noise
    latent = replace(latent, samples=model.latent.fitted(latent.samples))
    run = Run(
        sampler=sampler,
        sigmas=sigmas,
        noise=draw(latent.samples, settings.seed, latent.batch_index),
        seed=settings.seed,
    )
    guider = CfgGuider(model, positive, negative, settings.cfg)
    return sample_custom(guider, latent, run=run, on_step=on_step).samples


def sample_custom(guider: Guider, latent: Latent, *, run: Run, on_step: OnStep) -> Sampled:
    """A run with any sigmas, sampler, noise and guidance.

    Raises `engine.non_finite`, what preparing the prompts raises, and whatever `on_step` raises to stop the run.
    """
    if len(run.sigmas) < 2:
        return Sampled(latent.samples, latent.samples)
    model = guider.model
    with torch.inference_mode():
        denoise: Denoise = bound(guider, _run_info(model, latent, run))
        start = model.latent.to_model(latent.samples)
        x = model.sampling.add_noise(start, run.noise, float(run.sigmas[0])).to(model.device)
        if latent.mask is not None:
            denoise = _masked(denoise, latent.mask, start, run=run, model=model)
        seen = _LastSeen(on_step, x)
        x = run.sampler(denoise, x, run.sigmas, seed=run.seed, on_step=seen)
        finished = model.sampling.finished(x, float(run.sigmas[-1]))
        samples, denoised = (model.latent.to_raw(each).float().cpu() for each in (finished, seen.denoised))
    if not torch.isfinite(samples).all():
        raise EngineError("engine.non_finite")
    return Sampled(samples, denoised)


def _masked(denoise: Denoise, mask: Tensor, start: Tensor, *, run: Run, model: Model) -> Masked:
    # Drawn anew, lest ddim's kept places carry the very noise that the redrawn ones begin with.
    noise = initial_noise(start, (run.seed + 1) % (MAX_SEED + 1)) if run.sampler is ddim else run.noise
    return Masked(
        denoise,
        latent=start.to(model.device),
        noise=noise.to(model.device),
        mask=latent_mask(mask, start).to(model.device),
        sigmas=run.sigmas,
        schedule=model.guidance.mask,
    )


def _run_info(model: Model, latent: Latent, run: Run) -> RunInfo:
    return RunInfo(
        shape=latent.samples.shape,
        device=model.device,
        latent=model.latent.to_model(latent.samples),
        noise=run.noise,
        mask=None if latent.mask is None else latent_mask(latent.mask, latent.samples),
        seed=run.seed,
        cells=model.latent.cells,
    )


class _LastSeen:
    """An `OnStep` that remembers the newest denoised picture."""

    def __init__(self, on_step: OnStep, x: Tensor) -> None:
        self._on_step = on_step
        self.denoised = x

    def __call__(self, step: int, steps: int, x: Tensor, denoised: Tensor) -> None:
        self.denoised = denoised
        self._on_step(step, steps, x, denoised)
