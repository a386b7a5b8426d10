"""What a network was made to read besides noise and words, as the api is told: it decides what can be asked of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from studio_engine.models.families.dit.config import read_flux_config
from studio_engine.models.families.family import Family
from studio_engine.models.families.unet.config import read_unet_config
from studio_engine.models.files import ModelDefaults
from studio_engine.models.keys import PartKeys

# Channels of latents, of the picture to fill, and of its mask: one for a UNet, 8 × 8 for Flux.
_UNET_INPAINT_CHANNELS: Final = 9
_FLUX_FILL_CHANNELS: Final = 96


def variant_of(family: Family, keys: PartKeys) -> str:
    """The family's name, with what tells the variant: `sd1-inpaint`, `sdxl-refiner`, `flux-fill`, …

    `-edit` stands for networks that read some other picture, so that a prompt alone is not enough for them.
    """
    if family.name == "flux":
        return _flux_variant(keys)
    if family.name == "sd3":
        return family.name
    config = read_unet_config(keys)
    if config.in_channels == _UNET_INPAINT_CHANNELS:
        return f"{family.name}-inpaint"
    if config.in_channels != config.out_channels:
        return f"{family.name}-edit"
    return family.name.replace("_", "-")


def _flux_variant(keys: PartKeys) -> str:
    config = read_flux_config(keys)
    if config.in_channels == _FLUX_FILL_CHANNELS:
        return "flux-fill"
    if config.in_channels != config.channels:
        return "flux-edit"
    return "flux" if config.has_guidance else "flux-schnell"


def defaults_of(family: Family, variant: str) -> ModelDefaults:
    """Settings of the variant where they differ from its family's."""
    if variant == "flux-schnell":
        return replace(family.defaults, steps=4, cfg=1.0)
    return family.defaults
