"""Every sampler under the name that ComfyUI gives it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from studio_engine.errors import EngineError
from studio_engine.sampling.samplers.dpmpp import dpmpp_2m, dpmpp_2m_sde, dpmpp_sde
from studio_engine.sampling.samplers.euler import euler, euler_ancestral
from studio_engine.sampling.samplers.heun import heun
from studio_engine.sampling.samplers.lcm import lcm
from studio_engine.sampling.samplers.protocol import Sampler
from studio_engine.sampling.samplers.unipc import uni_pc, uni_pc_bh2

SAMPLERS: Final[Mapping[str, Sampler]] = {
    "euler": euler,
    "euler_ancestral": euler_ancestral,
    "heun": heun,
    "dpmpp_sde": dpmpp_sde,
    "dpmpp_2m": dpmpp_2m,
    "dpmpp_2m_sde": dpmpp_2m_sde,
    "lcm": lcm,
    # Without an inpainting mask ComfyUI's ddim takes the same steps as euler.
    "ddim": euler,
    "uni_pc": uni_pc,
    "uni_pc_bh2": uni_pc_bh2,
}


def get_sampler(name: str) -> Sampler:
    """Raises `generate.unknown_sampler`."""
    try:
        return SAMPLERS[name]
    except KeyError:
        raise EngineError("generate.unknown_sampler", details={"choices": list(SAMPLERS)}) from None
