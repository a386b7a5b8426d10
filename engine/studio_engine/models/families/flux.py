"""Flux: dev, schnell, Fill, Canny and Depth, Kontext (Black Forest Labs 2024, 2025)."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

from studio_engine.models.families.dit.blueprint import flux_blueprint
from studio_engine.models.families.dit.channels import extra_channels
from studio_engine.models.families.dit.config import FluxConfig, is_flux, read_flux_config
from studio_engine.models.families.dit.network import REFERENCE_METHODS, DitNetwork, DitReading
from studio_engine.models.families.dit.prompt import pooled_of
from studio_engine.models.families.dit.walk_flux import walk_flux
from studio_engine.models.families.family import Family
from studio_engine.models.files import ModelDefaults
from studio_engine.models.keys import PartKeys
from studio_engine.models.parts import PartRef, PartSource
from studio_engine.sampling.conditioning import Cond, NetInput, RunInfo
from studio_engine.sampling.flow import flux_sampling, schnell_sampling
from studio_engine.sampling.latent_formats import FLUX_LATENT
from studio_engine.sampling.model_sampling import ModelSampling

GUIDANCE: Final = 3.5
"""Of prompts that name none."""
_TIME_FACTOR: Final = 1000.0
"""Flux's timesteps are sigmas; its network counts to a thousand, in guidance too."""


def _reading(config: FluxConfig) -> DitReading:
    def prepare(cond: Cond, run: RunInfo) -> NetInput:
        references = tuple(FLUX_LATENT.to_model(raw.float().cpu()) for raw in cond.references)
        has_place = config.in_channels == config.channels
        return NetInput(
            cond.context,
            vector=pooled_of(cond, config.vector_width),
            concat=extra_channels(cond, run, FLUX_LATENT, config),
            guidance=_guidance(cond, config),
            references=references if has_place else (),
            extra={_method(cond): torch.zeros(1)} if references and has_place else {},
        )

    return DitReading(walk_flux, prepare, config.width, config.context_width, _TIME_FACTOR)


def _guidance(cond: Cond, config: FluxConfig) -> Tensor | None:
    """`[1]`; None where the model has no guidance or the prompt switches it off."""
    if not config.has_guidance or cond.extra.get("is_guidance_off"):
        return None
    return torch.tensor([(GUIDANCE if cond.guidance is None else cond.guidance) * _TIME_FACTOR])


def _method(cond: Cond) -> str:
    method = cond.extra.get("reference_latents_method", REFERENCE_METHODS[0])
    return str(method) if method in REFERENCE_METHODS else REFERENCE_METHODS[0]


def _network(source: PartSource, ref: PartRef, vae: PartRef | None, keys: PartKeys) -> DitNetwork:
    return DitNetwork(source, ref, FLUX_LATENT, vae, _reading(read_flux_config(keys)))


def _sampling(keys: PartKeys) -> ModelSampling:
    return flux_sampling() if read_flux_config(keys).has_guidance else schnell_sampling()


FAMILY: Final = Family(
    name="flux",
    label="Flux",
    matches=is_flux,
    blueprint=flux_blueprint,
    network=_network,
    latent=lambda keys: FLUX_LATENT,
    sampling=_sampling,
    defaults=ModelDefaults(width=1024, height=1024, steps=20, cfg=3.5, sampler="euler", scheduler="simple"),
    text=("clip_l", "t5xxl"),
    clip_type="flux",
)
