"""Empty autoencoders (no memory yet) of the sizes that a config names."""

from __future__ import annotations

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

from studio_engine.models.vae.config import VaeConfig


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
            use_quant_conv=config.has_quant,
            use_post_quant_conv=config.has_quant,
        )
    vae.train(False)
    return vae
