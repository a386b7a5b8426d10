"""Names of a transformer's tensors: from diffusers' modules to the single files' of their makers."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import torch
from torch import Tensor

from studio_engine.models.families.dit.config import FluxConfig
from studio_engine.models.parts import WeightSource

_SD3_OUTER: Final = {
    "pos_embed.pos_embed": "pos_embed",
    "pos_embed.proj": "x_embedder.proj",
    "time_text_embed.timestep_embedder.linear_1": "t_embedder.mlp.0",
    "time_text_embed.timestep_embedder.linear_2": "t_embedder.mlp.2",
    "time_text_embed.text_embedder.linear_1": "y_embedder.mlp.0",
    "time_text_embed.text_embedder.linear_2": "y_embedder.mlp.2",
    "norm_out.linear": "final_layer.adaLN_modulation.1",
    "proj_out": "final_layer.linear",
}
_SD3_INNER: Final = {
    "norm1.linear": "x_block.adaLN_modulation.1",
    "norm1_context.linear": "context_block.adaLN_modulation.1",
    "attn.to_out.0": "x_block.attn.proj",
    "attn.to_add_out": "context_block.attn.proj",
    "attn.norm_q": "x_block.attn.ln_q",
    "attn.norm_k": "x_block.attn.ln_k",
    "attn.norm_added_q": "context_block.attn.ln_q",
    "attn.norm_added_k": "context_block.attn.ln_k",
    "attn2.to_out.0": "x_block.attn2.proj",
    "attn2.norm_q": "x_block.attn2.ln_q",
    "attn2.norm_k": "x_block.attn2.ln_k",
    "ff.net.0.proj": "x_block.mlp.fc1",
    "ff.net.2": "x_block.mlp.fc2",
    "ff_context.net.0.proj": "context_block.mlp.fc1",
    "ff_context.net.2": "context_block.mlp.fc2",
}
_FLUX_OUTER: Final = {
    "x_embedder": "img_in",
    "context_embedder": "txt_in",
    "time_text_embed.timestep_embedder.linear_1": "time_in.in_layer",
    "time_text_embed.timestep_embedder.linear_2": "time_in.out_layer",
    "time_text_embed.guidance_embedder.linear_1": "guidance_in.in_layer",
    "time_text_embed.guidance_embedder.linear_2": "guidance_in.out_layer",
    "time_text_embed.text_embedder.linear_1": "vector_in.in_layer",
    "time_text_embed.text_embedder.linear_2": "vector_in.out_layer",
    "norm_out.linear": "final_layer.adaLN_modulation.1",
    "proj_out": "final_layer.linear",
}
_FLUX_DOUBLE: Final = {
    "norm1.linear": "img_mod.lin",
    "norm1_context.linear": "txt_mod.lin",
    "attn.to_out.0": "img_attn.proj",
    "attn.to_add_out": "txt_attn.proj",
    "ff.net.0.proj": "img_mlp.0",
    "ff.net.2": "img_mlp.2",
    "ff_context.net.0.proj": "txt_mlp.0",
    "ff_context.net.2": "txt_mlp.2",
}
_FLUX_NORMS: Final = {
    "attn.norm_q.weight": "img_attn.norm.query_norm.scale",
    "attn.norm_k.weight": "img_attn.norm.key_norm.scale",
    "attn.norm_added_q.weight": "txt_attn.norm.query_norm.scale",
    "attn.norm_added_k.weight": "txt_attn.norm.key_norm.scale",
}
_FLUX_SINGLE: Final = {"norm.linear": "modulation.lin", "proj_out": "linear2"}
_FLUX_SINGLE_NORMS: Final = {"attn.norm_q.weight": "norm.query_norm.scale", "attn.norm_k.weight": "norm.key_norm.scale"}

_QKV: Final = {"to_q": 0, "to_k": 1, "to_v": 2, "add_q_proj": 0, "add_k_proj": 1, "add_v_proj": 2}


def swapped(stored: Tensor) -> Tensor:
    """Single files have a last norm's shift before its scale, diffusers after it."""
    shift, scale = stored.chunk(2)
    return torch.cat([scale, shift])


def sd3_source(name: str, layers: int) -> WeightSource:
    """`transformer_blocks.3.attn.to_q.weight` -> a third of `joint_blocks.3.x_block.attn.qkv.weight`."""
    match = re.fullmatch(r"transformer_blocks\.(\d+)\.(.+)\.(weight|bias)", name)
    if match is None:
        module, dot, kind = ("pos_embed.pos_embed", "", "") if name == "pos_embed.pos_embed" else name.rpartition(".")
        take = swapped if module == "norm_out.linear" else None
        return WeightSource(_SD3_OUTER.get(module, module) + dot + kind, take)
    at, inner, kind = f"joint_blocks.{match[1]}", match[2], match[3]
    if fused := re.fullmatch(r"(attn2?)\.(to_[qkv]|add_[qkv]_proj)", inner):
        block = "context_block" if fused[2].startswith("add_") else "x_block"
        return WeightSource(f"{at}.{block}.{fused[1]}.qkv.{kind}", _third(_QKV[fused[2]]))
    is_last_norm = inner == "norm1_context.linear" and int(match[1]) == layers - 1
    return WeightSource(f"{at}.{_SD3_INNER[inner]}.{kind}", swapped if is_last_norm else None)


def flux_source(name: str, config: FluxConfig) -> WeightSource:
    """`single_transformer_blocks.3.proj_mlp.weight` -> the rest of `single_blocks.3.linear1.weight` after qkv."""
    if match := re.fullmatch(r"transformer_blocks\.(\d+)\.(.+)", name):
        return _double_source(f"double_blocks.{match[1]}", match[2])
    if match := re.fullmatch(r"single_transformer_blocks\.(\d+)\.(.+)", name):
        return _single_source(f"single_blocks.{match[1]}", match[2], config.width)
    module, _, kind = name.rpartition(".")
    return WeightSource(f"{_FLUX_OUTER[module]}.{kind}", swapped if module == "norm_out.linear" else None)


def _double_source(at: str, inner: str) -> WeightSource:
    if inner in _FLUX_NORMS:
        return WeightSource(f"{at}.{_FLUX_NORMS[inner]}")
    module, _, kind = inner.rpartition(".")
    projection = module.removeprefix("attn.")
    if projection in _QKV:
        stream = "txt" if projection.startswith("add_") else "img"
        return WeightSource(f"{at}.{stream}_attn.qkv.{kind}", _third(_QKV[projection]))
    return WeightSource(f"{at}.{_FLUX_DOUBLE[module]}.{kind}")


def _single_source(at: str, inner: str, width: int) -> WeightSource:
    if inner in _FLUX_SINGLE_NORMS:
        return WeightSource(f"{at}.{_FLUX_SINGLE_NORMS[inner]}")
    module, _, kind = inner.rpartition(".")
    if module == "proj_mlp":
        return WeightSource(f"{at}.linear1.{kind}", lambda stored: stored[3 * width :])
    projection = module.removeprefix("attn.")
    if projection in _QKV:
        first = _QKV[projection] * width
        return WeightSource(f"{at}.linear1.{kind}", lambda stored: stored[first : first + width])
    return WeightSource(f"{at}.{_FLUX_SINGLE[module]}.{kind}")


def _third(index: int) -> Callable[[Tensor], Tensor]:
    return lambda stored: stored.chunk(3)[index]
