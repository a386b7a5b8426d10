"""Empty transformers: diffusers' modules on the meta device."""

from __future__ import annotations

import torch
from diffusers.models.transformers.transformer_flux import FluxTransformer2DModel
from diffusers.models.transformers.transformer_sd3 import SD3Transformer2DModel
from torch import nn

from studio_engine.models.families.dit.config import PATCH, FluxConfig, Sd3Config


def empty_sd3(config: Sd3Config) -> nn.Module:
    with torch.device("meta"):
        module: nn.Module = SD3Transformer2DModel(
            sample_size=config.positions * PATCH,
            patch_size=PATCH,
            in_channels=config.channels,
            out_channels=config.channels,
            num_layers=config.layers,
            attention_head_dim=config.width // config.heads,
            num_attention_heads=config.heads,
            joint_attention_dim=config.context_width,
            caption_projection_dim=config.width,
            pooled_projection_dim=config.vector_width,
            pos_embed_max_size=config.positions,
            dual_attention_layers=tuple(range(config.dual_layers)),
            qk_norm="rms_norm" if config.is_normed else None,
        )
    module.train(False)
    return module


def empty_flux(config: FluxConfig) -> nn.Module:
    head_width = config.width // config.heads
    with torch.device("meta"):
        module: nn.Module = FluxTransformer2DModel(
            patch_size=1,
            in_channels=config.in_channels * PATCH**2,
            out_channels=config.channels * PATCH**2,
            num_layers=config.double_layers,
            num_single_layers=config.single_layers,
            attention_head_dim=head_width,
            num_attention_heads=config.heads,
            joint_attention_dim=config.context_width,
            pooled_projection_dim=config.vector_width,
            guidance_embeds=config.has_guidance,
            # Flux has 16, 56 and 56 of 128: which reference, row and column.
            axes_dims_rope=(head_width // 8, head_width * 7 // 16, head_width * 7 // 16),
        )
    module.train(False)
    return module
