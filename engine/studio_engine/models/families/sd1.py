"""Stable Diffusion 1.x (Rombach et al. 2022), with its inpainting and editing variants."""

from __future__ import annotations

from typing import Final

from studio_engine.models.families.family import Family
from studio_engine.models.families.unet.blueprint import unet_blueprint
from studio_engine.models.families.unet.markers import marked_sampling
from studio_engine.models.families.unet.open import matches, network
from studio_engine.models.files import ModelDefaults
from studio_engine.models.keys import PartKeys
from studio_engine.sampling.latent_formats import SD_LATENT
from studio_engine.sampling.model import LatentFormat


def _latent(keys: PartKeys) -> LatentFormat:
    return LatentFormat(scale=keys.real("studio.latent_scale", SD_LATENT.scale))


FAMILY: Final = Family(
    name="sd1",
    label="SD 1.x",
    # Attention projects with convolutions, where its successors have linear layers.
    matches=matches(lambda config: not config.uses_linear_projection and config.vector_width is None),
    blueprint=unet_blueprint,
    network=network(_latent),
    latent=_latent,
    sampling=marked_sampling,
    defaults=ModelDefaults(width=512, height=512, steps=20, cfg=7.0, sampler="dpmpp_2m", scheduler="karras"),
    text=("clip_l",),
    clip_type="stable_diffusion",
)
