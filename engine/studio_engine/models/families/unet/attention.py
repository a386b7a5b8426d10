"""Attention, plain and with a graph's hooks in it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from torch import Tensor
from torch.nn import functional

from studio_engine.sampling.hooks import HookCall, NetworkHooks, Place

if TYPE_CHECKING:
    from diffusers.models.attention_processor import Attention

    from studio_engine.sampling.hooks import Attention as AttentionName


@dataclass(frozen=True, eq=False)
class HookedCall:
    """One forward's hooks, and what they may know."""

    hooks: NetworkHooks
    call: HookCall
    """With the place of the whole network's first block: `at` gives those of the others."""

    def at(self, place: Place, layer: int = 0, *, heads: int = 0) -> HookCall:
        return replace(self.call, place=replace(place, layer=layer), heads=heads)


def attention(module: Attention, x: Tensor, context: Tensor) -> Tensor:
    q, k, v = module.to_q(x), module.to_k(context), module.to_v(context)
    output: Tensor = module.to_out[0](scaled_dot_product(q, k, v, module.heads))
    return output


def scaled_dot_product(q: Tensor, k: Tensor, v: Tensor, heads: int) -> Tensor:
    """`[rows, tokens, heads · head width]` each, and so the answer."""
    q, k, v = (tensor.view(*tensor.shape[:2], heads, -1).transpose(1, 2) for tensor in (q, k, v))
    return functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(-2)


def hooked_attention(
    module: Attention, inputs: tuple[Tensor, Tensor], *, hooks: NetworkHooks, name: AttentionName, call: HookCall
) -> Tensor:
    """`inputs`: what queries, and what keys and values are projected from, `[rows, tokens, width]`."""
    x, context = inputs
    values = context
    for kind, input_hook in hooks.attention_input:
        if kind == name:
            x, context, values = input_hook(x, context, values, call)
    q, k, v = module.to_q(x), module.to_k(context), module.to_v(values)
    answer = scaled_dot_product(q, k, v, module.heads)
    for kind, where, hook in hooks.attention:
        if kind == name and where in (None, call.place):
            answer = hook(q, k, v, answer, call)
    output: Tensor = module.to_out[0](answer)
    for kind, output_hook in hooks.attention_output:
        if kind == name:
            output = output_hook(output, call)
    return output
