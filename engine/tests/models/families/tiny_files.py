"""Whole checkpoints of every UNet family, random and tiny, in the layouts of single files."""

from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from studio_engine.models.families.unet.config import UnetConfig
from studio_engine.models.families.unet.keys import ldm_key
from studio_engine.models.families.unet.modules import empty_unet
from studio_engine.models.text.clip import ClipConfig, empty_clip
from studio_engine.models.vae.keys import ldm_key as vae_key
from studio_engine.models.vae.modules import empty_vae
from tests.models.families.tiny_unets import POOLED, TINY_REFINER, TINY_SD2, TINY_SDXL
from tests.models.tiny_checkpoint import TINY_METADATA, TINY_UNET, TINY_VAE, UNET_PREFIX, VAE_PREFIX, randomised

CONTEXT = 32
PICTURE = 16
"""Width of the vectors of pictures that unCLIP reads."""
PROJECTED = {"clip_g": POOLED}
PREFIXES = {
    ("sd1", "clip_l"): "cond_stage_model.transformer.",
    ("sdxl", "clip_l"): "conditioner.embedders.0.transformer.",
}

UNETS: dict[str, tuple[UnetConfig, dict[str, int]]] = {
    "sd1": (TINY_UNET, {"clip_l": CONTEXT}),
    "sd1_inpaint": (replace(TINY_UNET, in_channels=9), {"clip_l": CONTEXT}),
    "sd1_pix2pix": (replace(TINY_UNET, in_channels=8), {"clip_l": CONTEXT}),
    "sd2": (TINY_SD2, {"clip_h": CONTEXT}),
    "sd2_unclip": (replace(TINY_SD2, vector_width=2 * PICTURE), {"clip_h": CONTEXT}),
    "sdxl": (TINY_SDXL, {"clip_l": 12, "clip_g": 20}),
    "sdxl_inpaint": (replace(TINY_SDXL, in_channels=9), {"clip_l": 12, "clip_g": 20}),
    "sdxl_refiner": (TINY_REFINER, {"clip_g": CONTEXT}),
}
"""Name -> network, and the width of each text encoder."""


def family_of(name: str) -> str:
    return name.removesuffix("_inpaint").removesuffix("_pix2pix").removesuffix("_unclip")


def tiny_file(path: Path, name: str) -> Path:
    config, texts = UNETS[name]
    unet, vae = randomised(empty_unet(config), 0), randomised(empty_vae(TINY_VAE), 1)
    tensors = {UNET_PREFIX + ldm_key(key, config): value for key, value in unet.state_dict().items()}
    for key, value in vae.state_dict().items():
        is_projection = "attentions" in key and value.ndim == 2
        tensors[VAE_PREFIX + vae_key(key, TINY_VAE)] = value[:, :, None, None] if is_projection else value
    for part, width in texts.items():
        tensors |= _text(part, width, PREFIXES.get((family_of(name), part), f"text_encoders.{part}.transformer."))
    if name == "sd2_unclip":
        tensors |= {f"noise_augmentor.data_{each}": torch.full((1, PICTURE), 1.5) for each in ("mean", "std")}
    save_file({key: value.contiguous() for key, value in tensors.items()}, path, TINY_METADATA)
    return path


def _text(part: str, width: int, prefix: str) -> dict[str, Tensor]:
    sizes = ClipConfig(
        49408, 77, width, 2 * width, layers=2, heads=2, is_quick=part == "clip_l", projection=PROJECTED.get(part)
    )
    return {prefix + name: value for name, value in randomised(empty_clip(sizes), 2).state_dict().items()}
