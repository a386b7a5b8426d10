"""Names of a ControlNet's tensors: from our modules, named as diffusers', to the latent-diffusion layout."""

from __future__ import annotations

import re

from studio_engine.models.control.config import ControlConfig
from studio_engine.models.families.unet.keys import ldm_key


def ldm_control_key(name: str, config: ControlConfig) -> str:
    """`controlnet_down_blocks.3.weight` -> `zero_convs.3.0.weight`; what a UNet has is named as there."""
    if match := re.fullmatch(r"controlnet_down_blocks\.(\d+)\.(\w+)", name):
        return f"zero_convs.{match[1]}.0.{match[2]}"
    if match := re.fullmatch(r"controlnet_mid_block\.(\w+)", name):
        return f"middle_block_out.0.{match[1]}"
    if match := re.fullmatch(r"controlnet_cond_embedding\.(.+)\.(\w+)", name):
        return f"input_hint_block.{_hint_index(match[1], config)}.{match[2]}"
    return ldm_key(name, config.unet)


def _hint_index(module: str, config: ControlConfig) -> int:
    """Activations stand between the convolutions, so every second number is one."""
    inner = 2 * (len(config.hint_widths) - 2)
    if module == "conv_in":
        return 0
    return 2 * (inner + 1) if module == "conv_out" else 2 * (int(module.removeprefix("blocks.")) + 1)
