"""One sampling run: from a latent and a seed to a finished latent."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from studio_engine.errors import EngineError
from studio_engine.sampling.cfg import guided
from studio_engine.sampling.model import Conditioning, DiffusionModel, Latent
from studio_engine.sampling.noise import initial_noise
from studio_engine.sampling.samplers import get_sampler
from studio_engine.sampling.samplers.protocol import OnStep
from studio_engine.sampling.sigmas import sampler_sigmas


@dataclass(frozen=True, kw_only=True)
class SampleSettings:
    """ComfyUI's KSampler settings."""

    seed: int
    steps: int
    cfg: float
    sampler: str
    scheduler: str
    denoise: float = 1.0


def sample(
    model: DiffusionModel,
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
    walk = get_sampler(settings.sampler)
    sigmas = sampler_sigmas(
        model.sampling, settings.scheduler, settings.sampler, steps=settings.steps, denoise=settings.denoise
    )
    if len(sigmas) < 2:
        return latent.samples
    with torch.inference_mode():
        noise = initial_noise(latent.samples, settings.seed, latent.batch_index)
        x = model.sampling.add_noise(latent.samples * model.latent_scale, noise, float(sigmas[0])).to(model.device)
        denoise = guided(model, positive=positive, negative=negative, cfg=settings.cfg)
        finished = walk(denoise, x, sigmas, seed=settings.seed, on_step=on_step) / model.latent_scale
        result = finished.float().cpu()
    if not torch.isfinite(result).all():
        raise EngineError("engine.non_finite")
    return result
