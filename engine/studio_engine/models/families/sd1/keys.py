"""Names: from this engine's modules (diffusers, transformers) to the single file's (latent-diffusion layout).

Every function is pure and total over the names of a module built from the matching config, so that a missing or a
left-over tensor is found by set arithmetic.
"""

from __future__ import annotations

import re

from studio_engine.models.families.sd1 import prefixes
from studio_engine.models.families.sd1.config import UnetConfig, VaeConfig

_UNET_TOP = {
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}
_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
_VAE_ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}
_MIDDLE = {"resnets.0": "middle_block.0", "attentions.0": "middle_block.1", "resnets.1": "middle_block.2"}


def unet_source_key(name: str, config: UnetConfig) -> str:
    """`down_blocks.0.resnets.0.conv1.weight` -> `model.diffusion_model.input_blocks.1.0.in_layers.2.weight`."""
    module, _, parameter = name.rpartition(".")
    if module in _UNET_TOP:
        return f"{prefixes.UNET}{_UNET_TOP[module]}.{parameter}"
    if match := re.fullmatch(r"mid_block\.(resnets|attentions)\.(\d)\.(.+)", module):
        return f"{prefixes.UNET}{_MIDDLE[f'{match[1]}.{match[2]}']}.{_inner(match[1], match[3])}.{parameter}"
    match = re.fullmatch(r"(down|up)_blocks\.(\d+)\.(\w+)\.(\d+)\.(.+)", module)
    if match is None:
        raise KeyError(name)
    side, level, part, index, rest = match[1], int(match[2]), match[3], int(match[4]), match[5]
    block = _unet_block(config, side, level, (part, index))
    return f"{prefixes.UNET}{block}.{_inner(part, rest)}.{parameter}"


def _unet_block(config: UnetConfig, side: str, level: int, part: tuple[str, int]) -> str:
    kind, index = part
    # input_blocks.0 is conv_in; each level then holds its resnets and one downsampler (the last level has none).
    if side == "down":
        start = level * (config.layers_per_block + 1) + 1
        if kind == "downsamplers":
            return f"input_blocks.{start + config.layers_per_block}.0"
        return f"input_blocks.{start + index}.{0 if kind == 'resnets' else 1}"
    start = level * (config.layers_per_block + 1)
    if kind == "upsamplers":
        has_attention = config.has_attention[len(config.widths) - 1 - level]
        return f"output_blocks.{start + config.layers_per_block}.{2 if has_attention else 1}"
    return f"output_blocks.{start + index}.{0 if kind == 'resnets' else 1}"


def _inner(part: str, rest: str) -> str:
    if part == "resnets":
        return _RESNET[rest]
    if part == "downsamplers":
        return "op"
    return rest


def vae_source_key(name: str, config: VaeConfig) -> str:
    """`decoder.up_blocks.0.resnets.0.conv1.weight` -> `first_stage_model.decoder.up.3.block.0.conv1.weight`."""
    levels = len(config.widths)
    key = name.replace("conv_norm_out", "norm_out").replace("conv_shortcut", "nin_shortcut")
    key = re.sub(r"mid_block\.resnets\.(\d)", lambda m: f"mid.block_{int(m[1]) + 1}", key)
    if match := re.fullmatch(r"(.+)\.mid_block\.attentions\.0\.(.+)\.(weight|bias)", key):
        return f"{prefixes.VAE}{match[1]}.mid.attn_1.{_VAE_ATTENTION[match[2]]}.{match[3]}"
    key = re.sub(r"down_blocks\.(\d+)\.downsamplers\.0", r"down.\1.downsample", key)
    key = re.sub(r"down_blocks\.(\d+)\.resnets", r"down.\1.block", key)
    key = re.sub(r"up_blocks\.(\d+)\.upsamplers\.0", lambda m: f"up.{levels - 1 - int(m[1])}.upsample", key)
    key = re.sub(r"up_blocks\.(\d+)\.resnets", lambda m: f"up.{levels - 1 - int(m[1])}.block", key)
    return prefixes.VAE + key


def text_source_key(name: str) -> str:
    return prefixes.TEXT + name.removeprefix("text_model.")
