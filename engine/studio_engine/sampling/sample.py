"""One sampling run: from a latent and a seed to a finished latent."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from studio_engine.errors import EngineError
from studio_engine.sampling.guidance import CfgGuider, Guider, bound
from studio_engine.sampling.inpaint import Masked, latent_mask
from studio_engine.sampling.model import Conditioning, Latent, Model, RunInfo
from studio_engine.sampling.noise import MAX_SEED, Noise, initial_noise
from studio_engine.sampling.samplers import get_sampler
from studio_engine.sampling.samplers.euler import ddim
from studio_engine.sampling.samplers.protocol import Denoise, OnStep, Sampler
from studio_engine.sampling.sigmas import between_steps, sampler_sigmas


@dataclass(frozen=True)
class StepRange:
    """A part of a run, so that several samplers can share it (ComfyUI's KSamplerAdvanced)."""

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
    noise: Noise


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
    run = Run(sampler=sampler, sigmas=sigmas, noise=Noise(settings.seed, is_drawn=part.adds_noise))
    guider = CfgGuider(model, positive, negative, settings.cfg)
    return sample_custom(guider, latent, run=run, on_step=on_step).samples


def sample_custom(guider: Guider, latent: Latent, *, run: Run, on_step: OnStep) -> Sampled:
    """A run with any sigmas, sampler, noise and guidance.

    Raises `engine.node_failed` for latents of another family, `engine.non_finite`, what preparing the prompts raises,
    and whatever `on_step` raises to stop the run.
    """
    model = guider.model
    latent = replace(latent, samples=model.latent.fitted(latent.samples))
    _check_channels(model, latent)
    if len(run.sigmas) < 2:
        return Sampled(latent.samples, latent.samples)
    with torch.inference_mode():
        start = scaled(model, latent.samples)
        noise = run.noise.like(latent.samples, latent.batch_index)
        x = model.sampling.add_noise(start, noise, float(run.sigmas[0])).to(model.device)
        mask = None if latent.mask is None else latent_mask(latent.mask, start)
        info = RunInfo(
            shape=start.shape,
            device=model.device,
            latent=start,
            noise=noise,
            mask=mask,
            seed=run.noise.seed,
            cells=model.latent.cells,
        )
        denoise: Denoise = bound(guider, info)
        if mask is not None:
            denoise = _masked(denoise, mask, info, run=run, model=model)
        seen = _LastSeen(on_step, x)
        x = run.sampler(denoise, x, run.sigmas, seed=run.noise.seed, on_step=seen)
        finished = model.sampling.finished(x, float(run.sigmas[-1]))
        samples, denoised = (model.latent.to_raw(each).float().cpu() for each in (finished, seen.denoised))
    if not torch.isfinite(samples).all():
        raise EngineError("engine.non_finite")
    return Sampled(samples, denoised)


def _check_channels(model: Model, latent: Latent) -> None:
    channels = latent.samples.shape[1]
    if channels != model.latent.channels:
        raise EngineError(
            "engine.node_failed",
            f"The latents have {channels} channels and the model works on {model.latent.channels}: they are of another "
            "family. Encode the picture with the model's own VAE, or start from empty latents.",
        )


def scaled(model: Model, raw: Tensor) -> Tensor:
    """Raw latents as the model sees them. Empty ones stay empty: a shift would make them a picture of grey."""
    return model.latent.to_model(raw) if raw.count_nonzero() > 0 else raw


def _masked(denoise: Denoise, mask: Tensor, info: RunInfo, *, run: Run, model: Model) -> Masked:
    # Drawn anew, lest ddim's kept places carry the very noise that the redrawn ones begin with.
    is_ddim = run.sampler is ddim
    noise = initial_noise(info.latent, (info.seed + 1) % (MAX_SEED + 1)) if is_ddim else info.noise
    return Masked(
        denoise,
        latent=info.latent.to(model.device),
        noise=noise.to(model.device),
        mask=mask.to(model.device),
        sigmas=run.sigmas,
        schedule=model.guidance.mask,
    )


class _LastSeen:
    """An `OnStep` that remembers the newest denoised picture, and ends a run that has become invalid numbers."""

    def __init__(self, on_step: OnStep, x: Tensor) -> None:
        self._on_step = on_step
        self.denoised = x

    def __call__(self, step: int, steps: int, x: Tensor, denoised: Tensor) -> None:
        if not torch.isfinite(denoised).all():
            raise EngineError(
                "engine.non_finite",
                f"The picture became invalid numbers (NaN) at step {step} of {steps}; "
                "lower CFG or choose another sampler.",
                details={"step": step, "steps": steps},
            )
        self.denoised = denoised
        self._on_step(step, steps, x, denoised)
