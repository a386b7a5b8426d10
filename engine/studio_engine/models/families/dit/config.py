"""The sizes of a transformer, read from the names and shapes of its tensors: single files' names, or diffusers'."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from studio_engine.checkpoint.refusal import refuse
from studio_engine.models.keys import PartKeys

PATCH: Final = 2
"""Latent cells per token and side, in SD3 and Flux."""
_SD3_HEAD_WIDTH: Final = 64
_HEAD: Final = "studio.dit_head_width"


@dataclass(frozen=True)
class Sd3Config:
    channels: int
    width: int
    heads: int
    layers: int
    context_width: int
    vector_width: int
    positions: int
    """Tokens per side that the position table reaches; pictures take its middle."""
    is_normed: bool
    """Queries and keys are normed (3.5)."""
    dual_layers: int
    """The first so many blocks attend to the picture alone besides (3.5 medium)."""


@dataclass(frozen=True)
class FluxConfig:
    in_channels: int
    """Latent channels, with those of a picture and a mask in variants that read them."""
    channels: int
    width: int
    heads: int
    double_layers: int
    single_layers: int
    context_width: int
    vector_width: int
    has_guidance: bool


# What a ControlNet, which has a model's blocks, lacks.
_LAST: Final = "final_layer.linear.weight"
_DIFFUSERS_LAST: Final = "proj_out.weight"


def is_sd3(keys: PartKeys) -> bool:
    is_theirs = "joint_blocks.0.context_block.attn.qkv.weight" in keys and _LAST in keys
    return is_theirs or is_diffusers_sd3(keys)


def is_diffusers_sd3(keys: PartKeys) -> bool:
    names = ("transformer_blocks.0.attn.add_q_proj.weight", "pos_embed.proj.weight", _DIFFUSERS_LAST)
    return all(name in keys for name in names)


def is_flux(keys: PartKeys) -> bool:
    """Its descendants without a pooled text (Chroma, Flux 2) are others."""
    names = ("double_blocks.0.img_attn.norm.key_norm.scale", "img_in.weight", "vector_in.in_layer.weight", _LAST)
    return all(name in keys for name in names) or is_diffusers_flux(keys)


def is_diffusers_flux(keys: PartKeys) -> bool:
    pooled = "time_text_embed.text_embedder.linear_1.weight"
    names = ("single_transformer_blocks.0.proj_mlp.weight", "x_embedder.weight", pooled, _DIFFUSERS_LAST)
    return all(name in keys for name in names)


def read_sd3_config(keys: PartKeys) -> Sd3Config:
    """Raises `model.untrained` when tensors that the sizes depend on are missing, `model.file_corrupt` for odd ones."""
    if is_diffusers_sd3(keys):
        patches, positions, blocks = "pos_embed.proj.weight", "pos_embed.pos_embed", "transformer_blocks"
        norm, dual, vector = "0.attn.norm_q.weight", r"(\d+)\.attn2\.", "time_text_embed.text_embedder.linear_1.weight"
    else:
        patches, positions, blocks = "x_embedder.proj.weight", "pos_embed", "joint_blocks"
        norm, dual, vector = "0.x_block.attn.ln_q.weight", r"(\d+)\.x_block\.attn2\.", "y_embedder.mlp.0.weight"
    width, channels = keys.sizes(patches, 4)[:2]
    is_normed = f"{blocks}.{norm}" in keys
    head_width = keys.number(_HEAD, keys.sizes(f"{blocks}.{norm}", 1)[0] if is_normed else _SD3_HEAD_WIDTH)
    _check_heads(keys, width, head_width)
    return Sd3Config(
        channels=channels,
        width=width,
        heads=width // head_width,
        layers=keys.count(rf"{blocks}\.(\d+)\."),
        context_width=keys.sizes("context_embedder.weight", 2)[1],
        vector_width=keys.sizes(vector, 2)[1],
        positions=math.isqrt(keys.sizes(positions, 3)[1]),
        is_normed=is_normed,
        dual_layers=keys.count(rf"{blocks}\.{dual}"),
    )


def read_flux_config(keys: PartKeys) -> FluxConfig:
    """Raises `model.untrained` when tensors that the sizes depend on are missing, `model.file_corrupt` for odd ones."""
    if is_diffusers_flux(keys):
        patches, out, context = "x_embedder.weight", "proj_out.weight", "context_embedder.weight"
        double, single, norm = "transformer_blocks", "single_transformer_blocks", "0.attn.norm_k.weight"
        vector, guidance = "time_text_embed.text_embedder.linear_1.weight", "time_text_embed.guidance_embedder."
    else:
        patches, out, context = "img_in.weight", "final_layer.linear.weight", "txt_in.weight"
        double, single, norm = "double_blocks", "single_blocks", "0.img_attn.norm.key_norm.scale"
        vector, guidance = "vector_in.in_layer.weight", "guidance_in."
    width, in_channels = keys.sizes(patches, 2)
    head_width = keys.sizes(f"{double}.{norm}", 1)[0]
    _check_heads(keys, width, head_width)
    return FluxConfig(
        in_channels=in_channels // PATCH**2,
        channels=keys.sizes(out, 2)[0] // PATCH**2,
        width=width,
        heads=width // head_width,
        double_layers=keys.count(rf"{double}\.(\d+)\."),
        single_layers=keys.count(rf"{single}\.(\d+)\."),
        context_width=keys.sizes(context, 2)[1],
        vector_width=keys.sizes(vector, 2)[1],
        has_guidance=any(name.startswith(guidance) for name in keys),
    )


def _check_heads(keys: PartKeys, width: int, head_width: int) -> None:
    if width % head_width:
        raise refuse(keys.header.path, f"its width {width} is no multiple of its attention heads' {head_width}")
