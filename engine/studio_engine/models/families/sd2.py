"""Stable Diffusion 2.x: OpenCLIP-H for text, and for 768² pixels velocity instead of noise (Salimans & Ho 2022)."""

from __future__ import annotations

from typing import Final

from studio_engine.checkpoint.safetensors_file import read_tensors
from studio_engine.models.families.family import Family
from studio_engine.models.families.sd1 import LATENT_SCALE
from studio_engine.models.families.unet.blueprint import unet_blueprint
from studio_engine.models.families.unet.config import UnetConfig, find_unet_config
from studio_engine.models.families.unet.markers import marked_sampling
from studio_engine.models.families.unet.open import LATENT_CHANNELS, matches, network
from studio_engine.models.files import ModelDefaults
from studio_engine.models.keys import PartKeys
from studio_engine.sampling.discrete import discrete_sampling
from studio_engine.sampling.model import LatentFormat
from studio_engine.sampling.model_sampling import ModelSampling

# The last transformer's first bias: its values spread more in networks that were trained on velocities.
_TELLTALES: Final = (
    "output_blocks.11.1.transformer_blocks.0.norm1.bias",
    "up_blocks.3.attentions.2.transformer_blocks.0.norm1.bias",
)
_MIN_SPREAD: Final = 0.09


def _matches(config: UnetConfig) -> bool:
    has_fine_attention = any(config.down_depths[0])
    return config.uses_linear_projection and config.vector_width is None and has_fine_attention


def _latent(keys: PartKeys) -> LatentFormat:
    return LatentFormat(scale=keys.real("studio.latent_scale", LATENT_SCALE))


def _sampling(keys: PartKeys) -> ModelSampling:
    """The velocity variants carry no marker; only their weights tell."""
    config = find_unet_config(keys)
    name = next((name for name in _TELLTALES if name in keys), None)
    if config is None or config.in_channels != LATENT_CHANNELS or name is None:
        return marked_sampling(keys)
    spread = float(read_tensors(keys.header)[keys.prefix + name].float().std(unbiased=False))
    return discrete_sampling("v") if spread > _MIN_SPREAD else marked_sampling(keys)


FAMILY: Final = Family(
    name="sd2",
    label="SD 2.x",
    matches=matches(_matches),
    blueprint=unet_blueprint,
    network=network(_latent),
    latent=_latent,
    sampling=_sampling,
    defaults=ModelDefaults(width=768, height=768, steps=20, cfg=7.0, sampler="dpmpp_2m", scheduler="karras"),
    text=("clip_h",),
    clip_type="stable_diffusion",
)
