"""CFG++ (Chung et al. 2024): guidance moves the picture alone; the noise is judged by the negative prompt.

That keeps x on the path that the model knows, so scales of 0.6 to 2 do what 5 to 12 do otherwise.
"""

from __future__ import annotations

from torch import Tensor

from studio_engine.sampling.noise import step_noise
from studio_engine.sampling.samplers.protocol import Denoise, OnStep, both_at, slope
from studio_engine.sampling.samplers.sde import FLOW_ONLY, FULL, Sde, ancestral_split


def euler_cfg_pp(denoise: Denoise, x: Tensor, sigmas: Tensor, *, seed: int, on_step: OnStep) -> Tensor:
    """First order, one call per step."""
    return euler_ancestral_cfg_pp(denoise, x, sigmas, seed=seed, on_step=on_step, sde=FLOW_ONLY)


def euler_ancestral_cfg_pp(
    denoise: Denoise, x: Tensor, sigmas: Tensor, *, seed: int, on_step: OnStep, sde: Sde = FULL
) -> Tensor:
    """With fresh noise at every step; the share of noise to renew is taken of noise over signal."""
    noise, sampling = step_noise(x, seed), denoise.sampling
    steps = len(sigmas) - 1
    for i in range(steps):
        denoised, without = both_at(denoise, x, sigmas[i])
        on_step(i + 1, steps, x, denoised)
        if sigmas[i + 1] == 0:
            return denoised
        here, there = sampling.signal(sigmas[i]), sampling.signal(sigmas[i + 1])
        down, up = ancestral_split(sigmas[i] / here, sigmas[i + 1] / there, sde.eta)
        x = there * (denoised + slope(x, sigmas[i], here * without) * down)
        if sde.eta > 0:
            x = x + there * noise() * sde.s_noise * up
    return x


def euler_guided_back(denoise: Denoise, x: Tensor, sigmas: Tensor, *, seed: int, on_step: OnStep) -> Tensor:
    """Euler whose slope points away from what guidance added; one call per step (ComfyUI's alternative CFG++)."""
    steps = len(sigmas) - 1
    for i in range(steps):
        denoised, without = both_at(denoise, x, sigmas[i])
        on_step(i + 1, steps, x, denoised)
        x = x + slope(x - denoised + without, sigmas[i], denoised) * (sigmas[i + 1] - sigmas[i])
    return x


def dpmpp_2s_ancestral_cfg_pp(
    denoise: Denoise, x: Tensor, sigmas: Tensor, *, seed: int, on_step: OnStep, sde: Sde = FULL
) -> Tensor:
    """`dpmpp_2s_ancestral` with x moved by the guidance; two calls per step but for the last."""
    noise = step_noise(x, seed)
    steps = len(sigmas) - 1
    for i in range(steps):
        denoised, without = both_at(denoise, x, sigmas[i])
        on_step(i + 1, steps, x, denoised)
        down, up = ancestral_split(sigmas[i], sigmas[i + 1], sde.eta)
        if down == 0:
            x = denoised
            continue
        middle = (sigmas[i].log().lerp(down.log(), 0.5)).exp()
        share = middle / sigmas[i]
        halfway = share * (x + (denoised - without)) + (1 - share) * denoised
        # The picture of this call moves x against the first one's, in ComfyUI as well.
        target, without = both_at(denoise, halfway, middle)
        share = down / sigmas[i]
        x = share * (x + (denoised - without)) + (1 - share) * target
        x = x + noise() * sde.s_noise * up
    return x


def dpmpp_2m_cfg_pp(denoise: Denoise, x: Tensor, sigmas: Tensor, *, seed: int, on_step: OnStep) -> Tensor:
    """`dpmpp_2m` with the noise judged by the negative prompt; one call per step."""
    steps = len(sigmas) - 1
    lambdas = -sigmas.log()
    previous: Tensor | None = None
    for i in range(steps):
        denoised, without = both_at(denoise, x, sigmas[i])
        on_step(i + 1, steps, x, denoised)
        stride = lambdas[i + 1] - lambdas[i]
        bend: Tensor | float = 0.0
        if previous is not None and sigmas[i + 1] > 0:
            ratio = (lambdas[i] - lambdas[i - 1]) / stride
            bend = -(-stride).expm1() / (2 * ratio) * (denoised - previous)
        x = denoised + bend + (-stride).exp() * (x - without)
        previous = without
    return x
