"""A UNet's forward, block by block in the single files' numbering, which ComfyUI's hooks and controls go by.

Input block 0 is the first convolution; each level then has one input block per resnet (with its transformer) and one
for its downsampler. An output block is a resnet with its transformer and, at a level's end, the upsampler.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional

from studio_engine.models.families.unet.attention import HookedCall
from studio_engine.models.families.unet.layers import Layer, LayerInput, downsample, resnet, transformer, upsample
from studio_engine.sampling.conditioning import Residuals
from studio_engine.sampling.hooks import HookCall, NetworkHooks, Place


@dataclass(frozen=True, eq=False)
class UnetInput:
    """All that one forward reads; tensors on the device and in the dtype of the weights."""

    x: Tensor
    """`[rows, channels, h, w]` with the extra input channels appended."""
    timestep: Tensor
    """`[rows]`"""
    context: Tensor
    vector: Tensor | None
    sigma: Tensor
    latent_shape: tuple[int, ...]
    """Of x without the extra channels."""
    prompt_of_row: tuple[int, ...] = ()
    residuals: Residuals = field(default_factory=Residuals)


@dataclass(frozen=True, eq=False)
class Block:
    """A numbered block. `conv` alone is the first input block; a sampler may stand alone or end an output block."""

    place: Place
    resnets: tuple[Layer, ...] = ()
    transformer: Layer | None = None
    """After the first resnet."""
    sampler: Layer | None = None


def input_blocks(unet: Layer) -> Iterator[Block]:
    """Without the first, which is `unet.conv_in`."""
    number = 1
    for level in unet.down_blocks:
        for block, attention in _pairs(level):
            yield Block(Place("input", number), (block,), attention)
            number += 1
        for sampler in level.downsamplers or ():
            yield Block(Place("input", number), sampler=sampler)
            number += 1


def middle_block(unet: Layer) -> Block | None:
    if unet.mid_block is None:
        return None
    return Block(Place("middle", 0), tuple(unet.mid_block.resnets), next(iter(unet.mid_block.attentions), None))


def output_blocks(unet: Layer) -> Iterator[Block]:
    number = 0
    for level in unet.up_blocks:
        pairs = list(_pairs(level))
        for index, (block, attention) in enumerate(pairs):
            sampler = level.upsamplers[0] if level.upsamplers and index == len(pairs) - 1 else None
            yield Block(Place("output", number), (block,), attention, sampler)
            number += 1


def embedded(unet: Layer, timestep: Tensor, vector: Tensor | None, *, dtype: torch.dtype) -> Tensor:
    """`[rows, width]`: what every resnet projects, activated."""
    emb = unet.time_embedding(unet.time_proj(timestep).to(dtype))
    if vector is not None:
        emb = emb + unet.add_embedding(vector)
    return functional.silu(emb)


def walk(unet: Layer, inputs: UnetInput, hooks: NetworkHooks) -> Tensor:
    """The raw output `[rows, channels, h, w]`. Residuals and hooks are applied where ComfyUI applies them."""
    x = inputs.x
    hooked = None if hooks.is_empty else _hooked(hooks, inputs, unet.conv_in.out_channels)
    layers = LayerInput(embedded(unet, inputs.timestep, inputs.vector, dtype=x.dtype), inputs.context, hooked)
    skips, h = _down(unet, x, layers, inputs.residuals.input)
    middle = middle_block(unet)
    if middle is not None:
        h = run_block(middle, h, layers)
    for residual in inputs.residuals.middle:
        h = h if residual is None else h + residual.to(h.dtype)
    if hooked is not None:
        for hook in hooked.hooks.middle_block:
            h = hook(h, hooked.at(Place("middle", 0)))
    h = _up(unet, h, skips, (layers, inputs.residuals.output))
    output: Tensor = unet.conv_out(functional.silu(unet.conv_norm_out(h)))
    return output


def _down(
    unet: Layer, x: Tensor, layers: LayerInput, residuals: tuple[Tensor | None, ...]
) -> tuple[list[Tensor], Tensor]:
    """The skip connections, one per input block, and the running tensor."""
    skips: list[Tensor] = []
    h, place = unet.conv_in(x), Place("input", 0)
    blocks = input_blocks(unet)
    while True:
        number = len(skips)
        if number < len(residuals):
            h = _added(h, residuals[number])
        if layers.hooked is not None:
            for hook in layers.hooked.hooks.input_block:
                h = hook(h, layers.hooked.at(place))
        skips.append(h)
        if layers.hooked is not None:
            for hook in layers.hooked.hooks.input_block_after_skip:
                h = hook(h, layers.hooked.at(place))
        block = next(blocks, None)
        if block is None:
            return skips, h
        h, place = run_block(block, h, layers), block.place


def _up(unet: Layer, h: Tensor, skips: list[Tensor], rest: tuple[LayerInput, tuple[Tensor | None, ...]]) -> Tensor:
    layers, residuals = rest
    for number, block in enumerate(output_blocks(unet)):
        skip = skips.pop()
        if number < len(residuals):
            skip = _added(skip, residuals[number])
        if layers.hooked is not None:
            for hook in layers.hooked.hooks.output_block:
                h, skip = hook(h, skip, layers.hooked.at(block.place))
        h = run_block(block, torch.cat([h, skip], dim=1), layers, size=skips[-1].shape[2:] if skips else None)
    return h


def run_block(block: Block, h: Tensor, layers: LayerInput, *, size: torch.Size | None = None) -> Tensor:
    """`size` is that of the skip connection which an upsampler's output will meet; None = a sampler halves."""
    for index, module in enumerate(block.resnets):
        h = resnet(module, h, layers)
        if index == 0 and block.transformer is not None:
            h = transformer(block.transformer, h, layers, block.place)
    if block.sampler is None:
        return h
    return downsample(block.sampler, h) if size is None else upsample(block.sampler, h, size)


def _pairs(level: Layer) -> Iterator[tuple[Layer, Layer | None]]:
    """Each resnet with the transformer behind it, if it has one with layers."""
    attentions = getattr(level, "attentions", None) or [None] * len(level.resnets)
    yield from zip(level.resnets, attentions, strict=True)


def _added(h: Tensor, residual: Tensor | None) -> Tensor:
    return h if residual is None else h + residual.to(h.dtype)


def _hooked(hooks: NetworkHooks, inputs: UnetInput, width: int) -> HookedCall:
    call = HookCall(Place("input", 0), inputs.sigma, inputs.prompt_of_row, inputs.latent_shape, width=width)
    return HookedCall(hooks, call)
