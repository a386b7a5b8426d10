"""Refined exponential solver, multistep (Zhang et al. 2023): second order by the previous step's answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from torch import Tensor

from studio_engine.sampling.noise import step_noise
from studio_engine.sampling.samplers.protocol import Denoise, OnStep, both_at, denoise_at, slope
from studio_engine.sampling.samplers.sde import FLOW_ONLY, FULL, Sde, ancestral_split


@dataclass(frozen=True)
class ResMultistep:
    """One call per step. The stride is measured from where the last ancestral step walked to."""

    sde: Sde = FLOW_ONLY
    is_cfg_pp: bool = False

    def __call__(self, denoise: Denoise, x: Tensor, sigmas: Tensor, *, seed: int, on_step: OnStep) -> Tensor:
        noise = step_noise(x, seed)
        steps = len(sigmas) - 1
        earlier: tuple[Tensor, Tensor] | None = None
        for i in range(steps):
            denoised, judged = self._answers(denoise, x, sigmas[i])
            on_step(i + 1, steps, x, denoised)
            down, up = ancestral_split(sigmas[i], sigmas[i + 1], self.sde.eta)
            if earlier is None or down == 0:
                x = denoised + slope(x, sigmas[i], judged) * down
            else:
                previous, walked_to = earlier
                length = sigmas[i].log() - down.log()
                ratio = (walked_to.log() - sigmas[i - 1].log()) / length
                x = x + (denoised - judged)
                x = (-length).exp() * x + _weighted(judged, previous, length, ratio)
            if sigmas[i + 1] > 0 and self.sde.eta > 0:
                x = x + noise() * self.sde.s_noise * up
            earlier = judged, down
        return x

    def _answers(self, denoise: Denoise, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        """The guided picture, and the one by which noise is judged."""
        if self.is_cfg_pp:
            return both_at(denoise, x, sigma)
        denoised = denoise_at(denoise, x, sigma)
        return denoised, denoised


def _weighted(here: Tensor, previous: Tensor, length: Tensor, ratio: Tensor) -> Tensor:
    """∫ of the line through both answers. `ratio`: where the previous one lies, in strides, below 0."""
    phi_1 = (-length).expm1() / -length
    phi_2 = (phi_1 - 1) / -length
    back = (phi_2 / ratio).nan_to_num(nan=0.0)
    return length * ((phi_1 - back) * here + back * previous)


res_multistep: Final = ResMultistep()
res_multistep_ancestral: Final = ResMultistep(FULL)
res_multistep_cfg_pp: Final = ResMultistep(is_cfg_pp=True)
res_multistep_ancestral_cfg_pp: Final = ResMultistep(FULL, is_cfg_pp=True)
