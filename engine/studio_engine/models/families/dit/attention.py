"""Attention over prompt and picture together, plain and with a graph's hooks in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor

from studio_engine.models.families.unet.attention import HookedCall, scaled_dot_product
from studio_engine.sampling.hooks import Place

Layer: TypeAlias = Any
"""One of diffusers' modules, whose attributes its type does not tell."""


@dataclass(frozen=True, eq=False)
class Rotation:
    """Rotary positions (Su et al. 2021), fp32 `[tokens, head width]` each, for neighbours as pairs."""

    cosines: Tensor
    sines: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        """`[rows, tokens, heads, head width]`"""
        wide = x.float()
        even, odd = wide[..., 0::2], wide[..., 1::2]
        turned = torch.stack([-odd, even], dim=-1).flatten(-2)
        return (wide * self.cosines[:, None] + turned * self.sines[:, None]).to(x.dtype)


@dataclass(frozen=True, eq=False)
class AttentionCall:
    """What an attention layer may know besides its tensors."""

    place: Place
    hooked: HookedCall | None
    rotation: Rotation | None = None


def joint_attention(attn: Layer, x: Tensor, context: Tensor, call: AttentionCall) -> tuple[Tensor, Tensor]:
    """Both streams attend to both, the prompt's tokens first: `[rows, tokens, width]` each, and so the answers."""
    own = _projected(attn, x, (attn.to_q, attn.to_k, attn.to_v), (attn.norm_q, attn.norm_k))
    added = (attn.add_q_proj, attn.add_k_proj, attn.add_v_proj)
    told = _projected(attn, context, added, (attn.norm_added_q, attn.norm_added_k))
    answer = _attended(attn, [torch.cat(pair, dim=1) for pair in zip(told, own, strict=True)], call)
    words, cells = answer[:, : context.shape[1]], answer[:, context.shape[1] :]
    # The last block of SD3 has no more use for the prompt.
    return attn.to_out[0](cells), words if attn.context_pre_only else attn.to_add_out(words)


def self_attention(attn: Layer, x: Tensor, call: AttentionCall) -> Tensor:
    """`[rows, tokens, width]` to the same, before any output projection."""
    return _attended(attn, _projected(attn, x, (attn.to_q, attn.to_k, attn.to_v), (attn.norm_q, attn.norm_k)), call)


def _projected(attn: Layer, x: Tensor, projections: tuple[Layer, ...], norms: tuple[Layer, ...]) -> list[Tensor]:
    """Queries, keys and values, `[rows, tokens, heads, head width]`; the first two normed where the model does so."""
    heads = [project(x).unflatten(-1, (attn.heads, -1)) for project in projections]
    return [*(head if norm is None else norm(head) for head, norm in zip(heads, norms, strict=False)), heads[2]]


def _attended(attn: Layer, heads: list[Tensor], call: AttentionCall) -> Tensor:
    q, k, v = heads
    if call.rotation is not None:
        q, k = call.rotation(q), call.rotation(k)
    q, k, v = q.flatten(2), k.flatten(2), v.flatten(2)
    answer = scaled_dot_product(q, k, v, attn.heads)
    if call.hooked is not None:
        seen = call.hooked.at(call.place, call.place.layer, heads=attn.heads)
        for kind, where, hook in call.hooked.hooks.attention:
            if kind == "attn1" and where in (None, call.place):
                answer = hook(q, k, v, answer, seen)
    return answer
