"""Stable Diffusion 1.x (Rombach et al. 2022)."""

from __future__ import annotations

from typing import Final

from studio_engine.models.families.family import Family
from studio_engine.models.families.unet.blueprint import unet_blueprint
from studio_engine.models.families.unet.network import UnetNetwork
from studio_engine.models.files import ModelDefaults
from studio_engine.models.keys import PartKeys
from studio_engine.models.parts import PartRef, PartSource
from studio_engine.sampling.discrete import discrete_sampling
from studio_engine.sampling.model import LatentFormat

LATENT_SCALE: Final = 0.18215


def _matches(keys: PartKeys) -> bool:
    """Attention projects with convolutions, where its successors have linear layers."""
    return len(keys.find("input_blocks.1.1.proj_in.weight") or ()) == 4


def _latent(keys: PartKeys) -> LatentFormat:
    return LatentFormat(scale=keys.real("studio.latent_scale", LATENT_SCALE))


def _network(source: PartSource, ref: PartRef, vae: PartRef | None, keys: PartKeys) -> UnetNetwork:
    return UnetNetwork(source, ref, _latent(keys), vae)


FAMILY: Final = Family(
    name="sd1",
    label="SD 1.x",
    matches=_matches,
    blueprint=unet_blueprint,
    network=_network,
    latent=_latent,
    sampling=lambda keys: discrete_sampling(),
    defaults=ModelDefaults(width=512, height=512, steps=20, cfg=7.0, sampler="dpmpp_2m", scheduler="karras"),
    text={"clip_l": "cond_stage_model.transformer.text_model."},
    clip_type="stable_diffusion",
)
