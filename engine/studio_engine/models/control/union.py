"""Union ControlNets (xinsir's ControlNet++): one net for many kinds of hints, told which kind it reads."""

from __future__ import annotations

from typing import Final, cast

import torch
from diffusers.models.embeddings import TimestepEmbedding, Timesteps
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import Tensor, nn
from torch.nn import functional

from studio_engine.models.clip_mlp import ClipMlp
from studio_engine.models.control.config import ControlConfig
from studio_engine.models.control.modules import TIME_FACTOR, ControlModule
from studio_engine.models.families.unet.modules import empty_unet

_KIND_WIDTH: Final = 256


class UnionModule(ControlModule):
    def __init__(self, config: ControlConfig, unet: UNet2DConditionModel, kinds: int) -> None:
        super().__init__(config, unet)
        width = config.unet.widths[0]
        self.task_embedding = nn.Parameter(torch.empty(kinds, width))
        self.transformer_layes = nn.ModuleList(_Layer(width) for _ in range(config.union_layers))
        self.spatial_ch_projs = nn.Linear(width, width)
        self.control_type_proj = Timesteps(_KIND_WIDTH, flip_sin_to_cos=True, downscale_freq_shift=0)
        self.control_add_embedding = TimestepEmbedding(_KIND_WIDTH * kinds, TIME_FACTOR * width)

    def guide(self, hint: Tensor, kind: int | None) -> Tensor:
        """Shifted per channel by what a transformer makes of the hint's mean and its kind."""
        guide = super().guide(hint, kind)
        if kind is None:
            return guide
        token = guide.mean(dim=(2, 3)) + self.task_embedding[kind]
        for layer in self.transformer_layes:
            token = layer(token)
        shift: Tensor = self.spatial_ch_projs(token)
        return guide + shift[:, :, None, None]

    def embedded(self, timestep: Tensor, kind: int | None, dtype: torch.dtype) -> Tensor:
        flags = torch.zeros(self.task_embedding.shape[0], device=timestep.device)
        if kind is not None:
            flags[kind] = 1.0
        flat = self.control_type_proj(flags).to(dtype).reshape(1, -1)
        told: Tensor = self.control_add_embedding(flat)
        return super().embedded(timestep, kind, dtype) + told


class _Layer(nn.Module):
    """A transformer layer over one token, the only hint: attention to itself is its own value."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.attn = nn.MultiheadAttention(width, 1)
        self.ln_1 = nn.LayerNorm(width)
        self.mlp = ClipMlp(width)
        self.ln_2 = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        weight, bias = self.attn.in_proj_weight.chunk(3)[2], self.attn.in_proj_bias.chunk(3)[2]
        x = x + self.attn.out_proj(functional.linear(self.ln_1(x), weight, bias))
        return cast(Tensor, x + self.mlp(self.ln_2(x)))


def empty_control(config: ControlConfig) -> ControlModule:
    """Either kind of net, without memory yet."""
    with torch.device("meta"):
        unet = empty_unet(config.unet)
        if config.union_types is None:
            module = ControlModule(config, unet)
        else:
            module = UnionModule(config, unet, config.union_types)
    module.train(False)
    return module
