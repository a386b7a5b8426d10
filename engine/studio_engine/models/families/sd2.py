"""Stable Diffusion 2.x: OpenCLIP-H for text, and for 768² pixels velocity instead of noise (Salimans & Ho 2022)."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

from studio_engine.checkpoint.safetensors_file import read_tensors
from studio_engine.models.families.family import Family
from studio_engine.models.families.unet.blueprint import unet_blueprint
from studio_engine.models.families.unet.config import UnetConfig, find_unet_config
from studio_engine.models.families.unet.markers import marked_sampling
from studio_engine.models.families.unet.network import VectorMaker
from studio_engine.models.families.unet.open import LATENT_CHANNELS, matches, network
from studio_engine.models.families.unet.pictures import MERGED_NOISE, NoiseAugmentor, picture_vector, pictures_of
from studio_engine.models.files import ModelDefaults
from studio_engine.models.keys import PartKeys
from studio_engine.sampling.conditioning import Cond, RunInfo
from studio_engine.sampling.discrete import discrete_sampling
from studio_engine.sampling.latent_formats import SD_LATENT
from studio_engine.sampling.model import LatentFormat
from studio_engine.sampling.model_sampling import ModelSampling

# The last transformer's first bias: its values spread more in networks that were trained on velocities.
_TELLTALES: Final = (
    "output_blocks.11.1.transformer_blocks.0.norm1.bias",
    "up_blocks.3.attentions.2.transformer_blocks.0.norm1.bias",
)
_MIN_SPREAD: Final = 0.09
_VECTOR: Final = "add_embedding.linear_1.weight"
_MEAN: Final = "noise_augmentor.data_mean"
_DEVIATION: Final = "noise_augmentor.data_std"


def _matches(config: UnetConfig) -> bool:
    """With a vector, it is unCLIP: the vector holds one of CLIP's and as many numbers that say how noisy it is."""
    return config.uses_linear_projection and len(config.widths) == 4 and any(config.down_depths[0])


def _latent(keys: PartKeys) -> LatentFormat:
    return LatentFormat(scale=keys.real("studio.latent_scale", SD_LATENT.scale))


def _picture_vector(keys: PartKeys) -> VectorMaker:
    """unCLIP's. Prompts without pictures read zeros."""
    width = keys.sizes("label_emb.0.0.weight" if "label_emb.0.0.weight" in keys else _VECTOR, 2)[1]
    stored = read_tensors(keys.header) if _MEAN in keys.header.tensors and _DEVIATION in keys.header.tensors else {}
    augmentor = NoiseAugmentor(width // 2)
    if stored:
        augmentor = NoiseAugmentor(width // 2, stored[_MEAN].float().clone(), stored[_DEVIATION].float().clone())

    def vector(cond: Cond, prompt: int, run: RunInfo) -> Tensor:
        if not pictures_of(cond):
            return torch.zeros(1, width)
        return picture_vector(cond, run, augmentor, merged_noise=MERGED_NOISE)

    return vector


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
    network=network(_latent, _picture_vector),
    latent=_latent,
    sampling=_sampling,
    defaults=ModelDefaults(width=768, height=768, steps=20, cfg=7.0, sampler="dpmpp_2m", scheduler="karras"),
    text=("clip_h",),
    clip_type="stable_diffusion",
)
