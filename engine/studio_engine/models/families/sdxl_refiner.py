"""SDXL's refiner (Podell et al. 2023): finishes what the base model began; reads OpenCLIP-G and an aesthetic score."""

from __future__ import annotations

from typing import Final

from studio_engine.models.families.family import Family
from studio_engine.models.families.sdxl import latent_format
from studio_engine.models.families.unet.blueprint import unet_blueprint
from studio_engine.models.families.unet.config import UnetConfig
from studio_engine.models.families.unet.markers import marked_sampling
from studio_engine.models.families.unet.open import matches, network
from studio_engine.models.families.unet.vector import score_vector
from studio_engine.models.files import ModelDefaults


def _matches(config: UnetConfig) -> bool:
    """Four levels, the finest without attention."""
    is_conditioned = config.uses_linear_projection and config.vector_width is not None
    return is_conditioned and len(config.widths) == 4 and not any(config.down_depths[0])


FAMILY: Final = Family(
    name="sdxl_refiner",
    label="SDXL refiner",
    matches=matches(_matches),
    blueprint=unet_blueprint,
    network=network(latent_format, lambda keys: score_vector),
    latent=latent_format,
    sampling=marked_sampling,
    defaults=ModelDefaults(width=1024, height=1024, steps=20, cfg=7.0, sampler="dpmpp_2m", scheduler="karras"),
    text=("clip_g",),
    clip_type="stable_diffusion",
)
