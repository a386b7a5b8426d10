"""Names of a UNet's tensors: from diffusers' modules to the single files' (latent-diffusion layout).

Pure and total over the names of a module built from the matching config, so that a missing or a left-over tensor is
found by set arithmetic.
"""

from __future__ import annotations

import re

from studio_engine.models.families.unet.config import UnetConfig

_TOP = {
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
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
_MIDDLE = {"resnets.0": "middle_block.0", "attentions.0": "middle_block.1", "resnets.1": "middle_block.2"}


def ldm_key(name: str, config: UnetConfig) -> str:
    """`down_blocks.0.resnets.0.conv1.weight` -> `input_blocks.1.0.in_layers.2.weight`."""
    module, _, parameter = name.rpartition(".")
    if module in _TOP:
        return f"{_TOP[module]}.{parameter}"
    if match := re.fullmatch(r"mid_block\.(resnets|attentions)\.(\d)\.(.+)", module):
        return f"{_MIDDLE[f'{match[1]}.{match[2]}']}.{_inner(match[1], match[3])}.{parameter}"
    match = re.fullmatch(r"(down|up)_blocks\.(\d+)\.(\w+)\.(\d+)\.(.+)", module)
    if match is None:
        raise KeyError(name)
    side, level, part, index, rest = match[1], int(match[2]), match[3], int(match[4]), match[5]
    block = _block(config, side=side, level=level, part=(part, index))
    return f"{block}.{_inner(part, rest)}.{parameter}"


def _block(config: UnetConfig, *, side: str, level: int, part: tuple[str, int]) -> str:
    kind, index = part
    # input_blocks.0 is conv_in; each level then holds its resnets and one downsampler (the last level has none).
    if side == "down":
        start = level * (config.layers_per_block + 1) + 1
        if kind == "downsamplers":
            return f"input_blocks.{start + config.layers_per_block}.0"
        return f"input_blocks.{start + index}.{0 if kind == 'resnets' else 1}"
    start = level * (config.layers_per_block + 1)
    if kind == "upsamplers":
        has_attention = config.up_depths[level][-1] > 0
        return f"output_blocks.{start + config.layers_per_block}.{2 if has_attention else 1}"
    return f"output_blocks.{start + index}.{0 if kind == 'resnets' else 1}"


def _inner(part: str, rest: str) -> str:
    if part == "resnets":
        return _RESNET[rest]
    if part == "downsamplers":
        return "op"
    return rest
