"""Draws pictures from a run in training: DPM-Solver++(2M) on Karras' sigmas, classifier-free guidance."""

from dataclasses import dataclass

import torch
from torch import Tensor

from .checkpoint import Trained
from .device import autocast
from .models import LATENT_FACTOR, alphas_cumprod
from .tokenizer import Tokenizer

KARRAS_RHO = 7.0


@dataclass(frozen=True)
class Settings:
    """size_px: side of the square picture; seed: of the starting noise."""

    steps: int = 20
    guidance: float = 6.0
    size_px: int = 128
    seed: int = 1


def karras_sigmas(steps: int, training_sigmas: Tensor) -> Tensor:
    """[steps + 1], falling, the last zero."""
    low, high = training_sigmas[0] ** (1 / KARRAS_RHO), training_sigmas[-1] ** (1 / KARRAS_RHO)
    ramp = torch.linspace(0, 1, steps)
    return torch.cat([(high + ramp * (low - high)) ** KARRAS_RHO, torch.zeros(1)])


@torch.no_grad()
def draw(trained: Trained, prompts: list[str], settings: Settings) -> Tensor:
    """One picture per prompt: [n, 3, size, size] in 0..1."""
    tokenizer = Tokenizer()
    tokens = torch.tensor([tokenizer.encode(prompt) for prompt in [*prompts, ""]])
    states = trained.text(tokens).last_hidden_state
    context = torch.cat([states[-1:].expand(len(prompts), -1, -1), states[:-1]])
    alphas = alphas_cumprod()
    training_sigmas = ((1 - alphas) / alphas).sqrt()
    sigmas = karras_sigmas(settings.steps, training_sigmas)
    side = settings.size_px // LATENT_FACTOR
    generator = torch.Generator().manual_seed(settings.seed)
    latent = torch.randn(len(prompts), 4, side, side, generator=generator) * sigmas[0]
    previous: Tensor | None = None
    for index in range(settings.steps):
        denoised = _denoise(trained, latent, sigmas[index], context, settings.guidance, training_sigmas)
        latent = _advance(latent, denoised, previous, sigmas[max(index - 1, 0) : index + 2])
        previous = denoised
    pixels: Tensor = trained.autoencoder.decode(
        latent * trained.deviation.view(1, 4, 1, 1) + trained.mean.view(1, 4, 1, 1)
    ).sample
    return (pixels / 2 + 0.5).clamp(0, 1)


def _denoise(
    trained: Trained, latent: Tensor, sigma: Tensor, context: Tensor, guidance: float, training_sigmas: Tensor
) -> Tensor:
    scaled = latent / (sigma**2 + 1).sqrt()
    # The nearest training step in log sigma.
    timestep = (training_sigmas.log() - sigma.log()).abs().argmin()
    with autocast(latent.device):
        noise = trained.unet(torch.cat([scaled, scaled]), timestep, context).sample.float()
    without, with_text = noise.chunk(2)
    denoised: Tensor = latent - sigma * (without + guidance * (with_text - without))
    return denoised


def _advance(latent: Tensor, denoised: Tensor, previous: Tensor | None, sigmas: Tensor) -> Tensor:
    """One step of the second-order multistep solver; sigmas: [before, here, next], the first missing at the start."""
    here, following = sigmas[-2], sigmas[-1]
    if following == 0:
        return denoised
    step = here.log() - following.log()
    direction = denoised
    if previous is not None:
        ratio = (sigmas[0].log() - here.log()) / step
        direction = denoised + (denoised - previous) / (2 * ratio)
    return following / here * latent - torch.expm1(-step) * direction
