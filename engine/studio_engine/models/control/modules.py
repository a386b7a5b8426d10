"""A UNet's ControlNet (Zhang et al. 2023): a copy of its way down that reads a hint and says what to add.

Modules are named as diffusers names them.
"""

from __future__ import annotations

from typing import Final

import torch
from diffusers.models.controlnets.controlnet import ControlNetConditioningEmbedding
from diffusers.models.unets.unet_2d_blocks import UNetMidBlock2D
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import Tensor, nn
from torch.nn import functional

from studio_engine.models.control.config import ControlConfig
from studio_engine.models.families.unet.layers import Layer, LayerInput
from studio_engine.models.families.unet.walk import Block, input_blocks, run_block
from studio_engine.sampling.hooks import Place

TIME_FACTOR: Final = 4
"""Width of the time's embedding, in widths of the first level."""


class ControlModule(nn.Module):
    def __init__(self, config: ControlConfig, unet: UNet2DConditionModel) -> None:
        """`unet` has the config's sizes; its way down becomes this module's own."""
        super().__init__()
        widths = config.unet.widths
        self.time_proj = unet.time_proj
        self.time_embedding = unet.time_embedding
        if config.unet.vector_width is not None:
            self.add_embedding = unet.add_embedding
        self.conv_in = unet.conv_in
        self.down_blocks = unet.down_blocks
        self.mid_block: Layer = unet.mid_block or _plain_middle(config)
        self.controlnet_cond_embedding = ControlNetConditioningEmbedding(
            conditioning_embedding_channels=widths[0],
            conditioning_channels=config.hint_widths[0],
            block_out_channels=config.hint_widths[1:],
        )
        self.controlnet_down_blocks = nn.ModuleList(nn.Conv2d(width, width, 1) for width in _block_widths(config))
        self.controlnet_mid_block = nn.Conv2d(widths[-1], widths[-1], 1)

    def guide(self, hint: Tensor, kind: int | None) -> Tensor:
        """`[rows, channels, 8 h, 8 w]` to `[rows, width, h, w]`: what a run adds at its every step."""
        guide: Tensor = self.controlnet_cond_embedding(hint)
        return guide

    def forward(
        self, x: Tensor, timestep: Tensor, context: Tensor, guide: Tensor, *, vector: Tensor | None, kind: int | None
    ) -> tuple[list[Tensor], Tensor]:
        """What to add to each input block's skip connection, in order, and to the middle.

        `x` is `[rows, channels, h, w]`, `vector` `[rows, width]`. `kind` is the hint's, for union nets; None = untold.
        """
        embedded = self.embedded(timestep, kind, x.dtype)
        if vector is not None and hasattr(self, "add_embedding"):
            embedded = embedded + self.add_embedding(vector)
        layers = LayerInput(functional.silu(embedded), context, None)
        h = self.conv_in(x) + guide
        states = [h]
        for block in input_blocks(self):
            h = run_block(block, h, layers)
            states.append(h)
        h = run_block(self._middle(), h, layers)
        added = [convolve(state) for convolve, state in zip(self.controlnet_down_blocks, states, strict=True)]
        return added, self.controlnet_mid_block(h)

    def embedded(self, timestep: Tensor, kind: int | None, dtype: torch.dtype) -> Tensor:
        """`[rows]` to `[rows, width]`"""
        embedded: Tensor = self.time_embedding(self.time_proj(timestep).to(dtype))
        return embedded

    def _middle(self) -> Block:
        attentions = list(self.mid_block.attentions)
        return Block(Place("middle", 0), tuple(self.mid_block.resnets), attentions[0] if attentions else None)


def _plain_middle(config: ControlConfig) -> nn.Module:
    """Small nets have one resnet there and no attention."""
    width = config.unet.widths[-1]
    middle: nn.Module = UNetMidBlock2D(
        in_channels=width,
        temb_channels=TIME_FACTOR * config.unet.widths[0],
        num_layers=0,
        resnet_eps=1e-5,
        resnet_groups=config.unet.norm_groups,
        add_attention=False,
    )
    return middle


def _block_widths(config: ControlConfig) -> list[int]:
    """Of what each input block hands on: the first convolution, then a level's resnets and its downsampler."""
    widths = config.unet.widths
    blocks = [widths[0]]
    for level, width in enumerate(widths):
        blocks += [width] * (config.unet.layers_per_block + (level < len(widths) - 1))
    return blocks
