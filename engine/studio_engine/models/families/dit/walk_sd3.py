"""SD3's forward (Esser et al. 2024, MMDiT), block by block; joint blocks are the places `double` 0, 1, …"""

from __future__ import annotations

import torch
from torch import Tensor

from studio_engine.errors import EngineError
from studio_engine.models.families.dit.attention import AttentionCall, Layer, joint_attention, self_attention
from studio_engine.models.families.dit.config import PATCH
from studio_engine.models.families.dit.stream import DitInput, added, modulated, padded
from studio_engine.sampling.hooks import NetworkHooks, Place

_CELL_PIXELS = 8


def walk_sd3(net: Layer, inputs: DitInput, hooks: NetworkHooks) -> Tensor:
    """The raw output `[rows, channels, h, w]`."""
    height, width = inputs.x.shape[-2:]
    x = padded(inputs.x)
    h = net.pos_embed.proj(x).flatten(2).transpose(1, 2)
    h = h + _positions(net.pos_embed, x.shape[-2] // PATCH, x.shape[-1] // PATCH).to(h.dtype)
    emb = net.time_text_embed(inputs.timestep, inputs.vector)
    context = net.context_embedder(inputs.context)
    hooked = inputs.hooked(hooks)
    for index, block in enumerate(net.transformer_blocks):
        place = Place("double", index)
        if place not in hooks.skipped:
            h, context = _joint_block(block, h, context, (emb, AttentionCall(place, hooked)))
        h = added(h, inputs.residuals.output, index)
    h = net.proj_out(net.norm_out(h, emb))
    rows, columns = x.shape[-2] // PATCH, x.shape[-1] // PATCH
    patches = h.unflatten(1, (rows, columns)).unflatten(-1, (PATCH, PATCH, -1))
    picture = torch.einsum("nhwpqc->nchpwq", patches).flatten(4).flatten(2, 3)
    return picture[..., :height, :width]


def _positions(embed: Layer, rows: int, columns: int) -> Tensor:
    """The middle of the table, `[1, rows · columns, width]`."""
    side = embed.pos_embed_max_size
    if rows > side or columns > side:
        most = side * PATCH * _CELL_PIXELS
        raise EngineError("engine.node_failed", f"This model draws at most {most}×{most} pixels; draw a smaller one.")
    table = embed.pos_embed.unflatten(1, (side, side))
    top, left = (side - rows) // 2, (side - columns) // 2
    middle: Tensor = table[:, top : top + rows, left : left + columns].flatten(1, 2)
    return middle


def _joint_block(
    block: Layer, h: Tensor, context: Tensor, around: tuple[Tensor, AttentionCall]
) -> tuple[Tensor, Tensor]:
    emb, call = around
    normed, gate, shift, scale, mlp_gate, *second = block.norm1(h, emb=emb)
    if block.context_pre_only:
        told, told_gates = block.norm1_context(context, emb), None
    else:
        told, *told_gates = block.norm1_context(context, emb=emb)
    seen, heard = joint_attention(block.attn, normed, told, call)
    h = h + gate[:, None] * seen
    if block.use_dual_attention:
        alone = block.attn2.to_out[0](self_attention(block.attn2, second[0], call))
        h = h + second[1][:, None] * alone
    h = h + mlp_gate[:, None] * block.ff(modulated(block.norm2(h), scale, shift))
    if told_gates is None:
        return h, context
    gate, shift, scale, mlp_gate = told_gates
    context = context + gate[:, None] * heard
    return h, context + mlp_gate[:, None] * block.ff_context(modulated(block.norm2_context(context), scale, shift))
