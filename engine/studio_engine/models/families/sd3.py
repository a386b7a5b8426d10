"""Stable Diffusion 3 and 3.5, medium and large (Esser et al. 2024)."""

from __future__ import annotations

from typing import Final

from studio_engine.models.families.dit.blueprint import sd3_blueprint
from studio_engine.models.families.dit.config import Sd3Config, is_sd3, read_sd3_config
from studio_engine.models.families.dit.network import DitNetwork, DitReading
from studio_engine.models.families.dit.prompt import pooled_of
from studio_engine.models.families.dit.walk_sd3 import walk_sd3
from studio_engine.models.families.family import Family
from studio_engine.models.files import ModelDefaults
from studio_engine.models.keys import PartKeys
from studio_engine.models.parts import PartRef, PartSource
from studio_engine.sampling.conditioning import Cond, NetInput, RunInfo
from studio_engine.sampling.flow import sd3_sampling
from studio_engine.sampling.latent_formats import SD3_LATENT


def _reading(config: Sd3Config) -> DitReading:
    def prepare(cond: Cond, run: RunInfo) -> NetInput:
        return NetInput(cond.context, vector=pooled_of(cond, config.vector_width))

    return DitReading(walk_sd3, prepare, config.width, config.context_width)


def _network(source: PartSource, ref: PartRef, vae: PartRef | None, keys: PartKeys) -> DitNetwork:
    return DitNetwork(source, ref, SD3_LATENT, vae, _reading(read_sd3_config(keys)))


FAMILY: Final = Family(
    name="sd3",
    label="SD 3",
    matches=is_sd3,
    blueprint=sd3_blueprint,
    network=_network,
    latent=lambda keys: SD3_LATENT,
    sampling=lambda keys: sd3_sampling(),
    defaults=ModelDefaults(width=1024, height=1024, steps=28, cfg=4.5, sampler="euler", scheduler="sgm_uniform"),
    text=("clip_l", "clip_g", "t5xxl"),
    clip_type="sd3",
)
