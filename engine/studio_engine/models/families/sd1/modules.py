"""Empty modules (no memory yet) of the sizes that a config names."""

from __future__ import annotations

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

from studio_engine.models.families.sd1.config import TextConfig, UnetConfig, VaeConfig

END_TOKEN = 49407
START_TOKEN = 49406


def empty_unet(config: UnetConfig) -> UNet2DConditionModel:
    down = tuple("CrossAttnDownBlock2D" if attention else "DownBlock2D" for attention in config.has_attention)
    up = tuple("CrossAttnUpBlock2D" if attention else "UpBlock2D" for attention in reversed(config.has_attention))
    with torch.device("meta"):
        unet: UNet2DConditionModel = UNet2DConditionModel(
            in_channels=config.in_channels,
            out_channels=config.out_channels,
            block_out_channels=config.widths,
            layers_per_block=config.layers_per_block,
            down_block_types=down,
            up_block_types=up,
            transformer_layers_per_block=config.depth,
            cross_attention_dim=config.context_width,
            use_linear_projection=config.uses_linear_projection,
            # diffusers' historical name: for Stable Diffusion 1 this is the number of heads.
            attention_head_dim=config.heads,
            norm_num_groups=config.norm_groups,
        )
    unet.train(False)
    return unet


def empty_vae(config: VaeConfig) -> AutoencoderKL:
    levels = len(config.widths)
    with torch.device("meta"):
        vae: AutoencoderKL = AutoencoderKL(
            in_channels=config.in_channels,
            out_channels=config.out_channels,
            latent_channels=config.latent_channels,
            block_out_channels=config.widths,
            layers_per_block=config.layers_per_block,
            down_block_types=("DownEncoderBlock2D",) * levels,
            up_block_types=("UpDecoderBlock2D",) * levels,
            norm_num_groups=config.norm_groups,
        )
    vae.train(False)
    return vae


def empty_text(config: TextConfig) -> CLIPTextModel:
    settings = CLIPTextConfig(
        vocab_size=config.vocabulary,
        hidden_size=config.width,
        intermediate_size=config.inner_width,
        num_hidden_layers=config.layers,
        num_attention_heads=config.heads,
        max_position_embeddings=config.positions,
        hidden_act="quick_gelu",
        bos_token_id=START_TOKEN,
        eos_token_id=END_TOKEN,
        pad_token_id=END_TOKEN,
    )
    with torch.device("meta"):
        text = CLIPTextModel(settings)
    text.train(False)
    return text
