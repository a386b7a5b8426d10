"""A network of Stable Diffusion 1.5's size with random weights, written to a file and loaded as any other is."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from studio_engine.models.families.unet.config import UnetConfig
from studio_engine.models.families.unet.keys import ldm_key
from studio_engine.models.families.unet.modules import empty_unet
from studio_engine.sampling.conditioning import Cond, Conditioning

NAME = "shaped.safetensors"
SD15 = UnetConfig(
    in_channels=4,
    out_channels=4,
    widths=(320, 640, 1280, 1280),
    layers_per_block=2,
    down_depths=((1, 1), (1, 1), (1, 1), (0, 0)),
    up_depths=((0, 0, 0), (1, 1, 1), (1, 1, 1), (1, 1, 1)),
    middle_depth=1,
    context_width=768,
    uses_linear_projection=False,
    heads=(8, 8, 8, 8),
    norm_groups=32,
)


def shaped_tensors(empty: nn.Module, key: Callable[[str], str]) -> dict[str, Tensor]:
    """Random weights for every name of the module, under the names that `key` gives them, in bf16."""
    generator = torch.Generator().manual_seed(0)
    tensors = {}
    for name, value in empty.state_dict().items():
        # As large as a trained network's, so that no layer overflows.
        spread = 1.0 if value.ndim == 1 else 1.0 / math.sqrt(max(1, value[0].numel()))
        shaped = torch.empty(value.shape, dtype=torch.bfloat16)
        tensors[key(name)] = shaped.uniform_(-spread, spread, generator=generator)
    return tensors


def write_shaped(models_dir: Path) -> None:
    """1.7 GB."""
    folder = models_dir / "diffusion_models"
    folder.mkdir(parents=True)
    save_file(shaped_tensors(empty_unet(SD15), lambda name: ldm_key(name, SD15)), folder / NAME)


def shaped_prompt(seed: int) -> Conditioning:
    """One chunk of 77 tokens."""
    return (Cond(torch.randn(1, 77, SD15.context_width, generator=torch.Generator().manual_seed(seed))),)
