"""The layers of a UNet, run on diffusers' modules without their dispatch: resnets, transformers, samplers.

Tensors are `[rows, channels, h, w]` between layers and `[rows, tokens, channels]` inside transformers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

from studio_engine.models.families.unet.attention import attention, hooked_attention

if TYPE_CHECKING:
    from studio_engine.models.families.unet.attention import HookedCall
    from studio_engine.sampling.hooks import Place

Layer: TypeAlias = Any
"""One of diffusers' modules. Torch types their attributes `Tensor | Module`, which says nothing."""


@dataclass(frozen=True, eq=False)
class LayerInput:
    """What all layers of one call read besides the running tensor."""

    emb: Tensor
    """`[rows, width]`: time and class vector, activated already, as every resnet projects it."""
    context: Tensor
    """`[rows, tokens, width]`"""
    hooked: HookedCall | None
    """None = no hooks are set."""


def resnet(module: Layer, x: Tensor, inputs: LayerInput) -> Tensor:
    h = module.conv1(functional.silu(module.norm1(x)))
    h = h + module.time_emb_proj(inputs.emb)[:, :, None, None]
    h = module.conv2(functional.silu(module.norm2(h)))
    if module.conv_shortcut is not None:
        x = module.conv_shortcut(x)
    output: Tensor = x + h
    return output


def downsample(module: Layer, x: Tensor) -> Tensor:
    output: Tensor = module.conv(x)
    return output


def upsample(module: Layer, x: Tensor, size: torch.Size) -> Tensor:
    """To `size`, that of the skip connection which it will meet: twice its own, or one less where that was odd."""
    output: Tensor = module.conv(functional.interpolate(x, size=size, mode="nearest"))
    return output


def transformer(module: Layer, x: Tensor, inputs: LayerInput, place: Place) -> Tensor:
    rows, _, height, width = x.shape
    h = module.norm(x)
    h = module.proj_in(_tokens(h)) if module.use_linear_projection else _tokens(module.proj_in(h))
    for layer, block in enumerate(module.transformer_blocks):
        h = transformer_layer(block, h, inputs, (place, layer))
    if module.use_linear_projection:
        h = module.proj_out(h)
    h = h.reshape(rows, height, width, -1).permute(0, 3, 1, 2)
    if not module.use_linear_projection:
        h = module.proj_out(h)
    output: Tensor = h + x
    return output


def transformer_layer(block: Layer, x: Tensor, inputs: LayerInput, at: tuple[Place, int]) -> Tensor:
    if inputs.hooked is None:
        normed = block.norm1(x)
        x = x + attention(block.attn1, normed, normed)
        x = x + attention(block.attn2, block.norm2(x), inputs.context)
    else:
        call = inputs.hooked.at(*at, heads=block.attn1.heads)
        if call.place in inputs.hooked.hooks.skipped:
            return x
        normed = block.norm1(x)
        x = x + hooked_attention(block.attn1, (normed, normed), hooks=inputs.hooked.hooks, name="attn1", call=call)
        x = x + hooked_attention(
            block.attn2, (block.norm2(x), inputs.context), hooks=inputs.hooked.hooks, name="attn2", call=call
        )
    feed_forward = block.ff.net
    output: Tensor = x + feed_forward[2](feed_forward[0](block.norm3(x)))
    return output


def _tokens(x: Tensor) -> Tensor:
    return x.permute(0, 2, 3, 1).flatten(1, 2)
