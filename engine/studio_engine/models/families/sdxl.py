"""SDXL (Podell et al. 2023), distilled and inpainting variants, smaller descendants (SSD-1B), Playground 2.5, CosXL."""

from __future__ import annotations

from typing import Final

from studio_engine.models.families.family import Family
from studio_engine.models.families.unet.blueprint import unet_blueprint
from studio_engine.models.families.unet.concat import edit_channels, scaled_edit_channels
from studio_engine.models.families.unet.config import UnetConfig
from studio_engine.models.families.unet.markers import is_cosine, is_playground, marked_sampling
from studio_engine.models.families.unet.open import matches, network
from studio_engine.models.families.unet.vector import sizes_vector
from studio_engine.models.files import ModelDefaults
from studio_engine.models.keys import PartKeys
from studio_engine.sampling.latent_formats import PLAYGROUND_LATENT, SDXL_LATENT
from studio_engine.sampling.model import LatentFormat


def _matches(config: UnetConfig) -> bool:
    return config.uses_linear_projection and config.vector_width is not None and len(config.widths) == 3


def latent_format(keys: PartKeys) -> LatentFormat:
    if is_playground(keys):
        return PLAYGROUND_LATENT
    return LatentFormat(scale=keys.real("studio.latent_scale", SDXL_LATENT.scale))


FAMILY: Final = Family(
    name="sdxl",
    label="SDXL",
    matches=matches(_matches),
    blueprint=unet_blueprint,
    network=network(
        latent_format,
        lambda keys: sizes_vector,
        edit=lambda keys: scaled_edit_channels if is_cosine(keys) else edit_channels,
    ),
    latent=latent_format,
    sampling=marked_sampling,
    defaults=ModelDefaults(width=1024, height=1024, steps=25, cfg=7.0, sampler="dpmpp_2m", scheduler="karras"),
    text=("clip_l", "clip_g"),
    clip_type="sdxl",
)
