"""Tensor names: from diffusers' and transformers' modules to Stable Diffusion 1's single file."""

import re

TEXT_PREFIX = "cond_stage_model.transformer.text_model."
UNET_PREFIX = "model.diffusion_model."
VAE_PREFIX = "first_stage_model."

UNET_LEVELS = 4
UNET_LAYERS = 2

_UNET_ENDS = {
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


def unet_key(name: str) -> str:
    """Raises KeyError for a name that SD1's UNet does not have."""
    module, _, parameter = name.rpartition(".")
    if module in _UNET_ENDS:
        return f"{UNET_PREFIX}{_UNET_ENDS[module]}.{parameter}"
    if match := re.fullmatch(r"mid_block\.(resnets|attentions)\.(\d)\.(.+)", module):
        middle = 1 if match[1] == "attentions" else 2 * int(match[2])
        return f"{UNET_PREFIX}middle_block.{middle}.{_unet_part(match[1], match[3])}.{parameter}"
    match = re.fullmatch(r"(down|up)_blocks\.(\d)\.(\w+)\.(\d)\.(.+)", module)
    if match is None:
        raise KeyError(name)
    side, level, kind, index = match[1], int(match[2]), match[3], int(match[4])
    first = level * (UNET_LAYERS + 1)
    if kind == "downsamplers":
        place = f"input_blocks.{first + UNET_LAYERS + 1}.0"
    elif kind == "upsamplers":
        # After the attention, which the lowest level lacks.
        place = f"output_blocks.{first + UNET_LAYERS}.{1 if level == 0 else 2}"
    else:
        block = f"input_blocks.{first + 1 + index}" if side == "down" else f"output_blocks.{first + index}"
        place = f"{block}.{0 if kind == 'resnets' else 1}"
    return f"{UNET_PREFIX}{place}.{_unet_part(kind, match[5])}.{parameter}"


def _unet_part(kind: str, rest: str) -> str:
    if kind == "resnets":
        return _RESNET[rest]
    return "op" if kind == "downsamplers" else rest


def vae_key(name: str, levels: int = 4) -> str:
    """The decoder's blocks count from the output in the single file, from the latent in diffusers."""
    if match := re.fullmatch(r"(\w+)\.mid_block\.attentions\.0\.(.+)\.(weight|bias)", name):
        return f"{VAE_PREFIX}{match[1]}.mid.attn_1.{_VAE_ATTENTION[match[2]]}.{match[3]}"
    key = name.replace("conv_norm_out", "norm_out").replace("conv_shortcut", "nin_shortcut")
    key = re.sub(r"mid_block\.resnets\.(\d)", lambda found: f"mid.block_{int(found[1]) + 1}", key)
    key = re.sub(r"down_blocks\.(\d)\.downsamplers\.0", r"down.\1.downsample", key)
    key = re.sub(r"down_blocks\.(\d)\.resnets", r"down.\1.block", key)
    key = re.sub(r"up_blocks\.(\d)\.upsamplers\.0", lambda found: f"up.{levels - 1 - int(found[1])}.upsample", key)
    key = re.sub(r"up_blocks\.(\d)\.resnets", lambda found: f"up.{levels - 1 - int(found[1])}.block", key)
    return VAE_PREFIX + key


def text_key(name: str) -> str:
    return TEXT_PREFIX + name.removeprefix("text_model.")
