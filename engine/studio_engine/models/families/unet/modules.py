"""Empty UNets (no memory yet) of the sizes that a config names."""

from __future__ import annotations

import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

from studio_engine.models.families.unet.config import UnetConfig


def empty_unet(config: UnetConfig) -> UNet2DConditionModel:
    down = tuple("CrossAttnDownBlock2D" if any(depths) else "DownBlock2D" for depths in config.down_depths)
    up = tuple("CrossAttnUpBlock2D" if any(depths) else "UpBlock2D" for depths in config.up_depths)
    vector = {}
    if config.vector_width is not None:
        vector = {
            "addition_embed_type": "text_time",
            "addition_time_embed_dim": 256,
            "projection_class_embeddings_input_dim": config.vector_width,
        }
    with torch.device("meta"):
        unet: UNet2DConditionModel = UNet2DConditionModel(
            in_channels=config.in_channels,
            out_channels=config.out_channels,
            block_out_channels=config.widths,
            layers_per_block=config.layers_per_block,
            down_block_types=down,
            mid_block_type=_middle_type(config),
            up_block_types=up,
            transformer_layers_per_block=[*(list(depths) for depths in config.down_depths[:-1]), _last_depths(config)],
            reverse_transformer_layers_per_block=[list(depths) for depths in config.up_depths],
            cross_attention_dim=config.context_width,
            use_linear_projection=config.uses_linear_projection,
            # diffusers' historical name: this is the number of heads.
            attention_head_dim=config.heads,
            norm_num_groups=config.norm_groups,
            **vector,
        )
    unet.train(False)
    return unet


def _middle_type(config: UnetConfig) -> str | None:
    if config.middle_depth is None:
        return None
    return "UNetMidBlock2DCrossAttn" if config.middle_depth else "UNetMidBlock2D"


def _last_depths(config: UnetConfig) -> list[int]:
    """Diffusers gives the middle block the last level's depth, also where that level itself has no attention."""
    last = config.down_depths[-1]
    return list(last) if any(last) or not config.middle_depth else [config.middle_depth] * len(last)
