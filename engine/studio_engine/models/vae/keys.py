"""Names of an autoencoder's tensors: from diffusers' modules to the single files' (latent-diffusion layout)."""

from __future__ import annotations

import re

from studio_engine.models.vae.config import VaeConfig

_ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}
_OLD_ATTENTION = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}


def ldm_key(name: str, config: VaeConfig) -> str:
    """`decoder.up_blocks.0.resnets.0.conv1.weight` -> `decoder.up.3.block.0.conv1.weight`."""
    levels = len(config.widths)
    key = name.replace("conv_norm_out", "norm_out").replace("conv_shortcut", "nin_shortcut")
    key = re.sub(r"mid_block\.resnets\.(\d)", lambda m: f"mid.block_{int(m[1]) + 1}", key)
    if match := re.fullmatch(r"(.+)\.mid_block\.attentions\.0\.(.+)\.(weight|bias)", key):
        return f"{match[1]}.mid.attn_1.{_ATTENTION[match[2]]}.{match[3]}"
    key = re.sub(r"down_blocks\.(\d+)\.downsamplers\.0", r"down.\1.downsample", key)
    key = re.sub(r"down_blocks\.(\d+)\.resnets", r"down.\1.block", key)
    key = re.sub(r"up_blocks\.(\d+)\.upsamplers\.0", lambda m: f"up.{levels - 1 - int(m[1])}.upsample", key)
    return re.sub(r"up_blocks\.(\d+)\.resnets", lambda m: f"up.{levels - 1 - int(m[1])}.block", key)


def old_diffusers_key(name: str) -> str:
    """Diffusers' own names before 2023: `mid_block.attentions.0.to_q` was `….query`."""
    match = re.fullmatch(r"(.+\.attentions\.0)\.(to_q|to_k|to_v|to_out\.0)\.(weight|bias)", name)
    return f"{match[1]}.{_OLD_ATTENTION[match[2]]}.{match[3]}" if match else name
