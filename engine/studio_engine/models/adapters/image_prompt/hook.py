"""IP-Adapter in a network: attention to the picture's tokens beside that to the prompt (Ye et al. 2023)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from studio_engine.models.adapters.image_prompt.modules import ImagePrompt
from studio_engine.models.families.unet.config import UnetConfig
from studio_engine.models.parts import PartRef, PartSource
from studio_engine.sampling.hooks import HookCall, Place


@dataclass(frozen=True, eq=False)
class ImagePromptHook:
    """An AttentionHook for `attn2`: adds softmax(q kᵢₚ) vᵢₚ · weight."""

    source: PartSource
    ref: PartRef
    layers: Mapping[Place, int]
    """Number of each layer's keys and values in the adapter."""
    tokens: Tensor
    """`[2, tokens, context]`: of the picture for positive prompts, of nothing for the others."""
    weight: float
    sigmas: tuple[float, float]
    """Counts from the first down to the second."""

    def __call__(self, q: Tensor, k: Tensor, v: Tensor, plain: Tensor, call: HookCall, /) -> Tensor:
        layer = self.layers.get(call.place)
        counts = (call.sigma <= self.sigmas[0]) & (call.sigma >= self.sigmas[1])
        if layer is None or not bool(counts.any()):
            return plain
        part = self.source.part(self.ref)
        assert isinstance(part.module, ImagePrompt)
        keys, values = part.module.keys_and_values(layer, self.tokens.to(q.device, part.dtype))
        rows = [min(prompt, 1) for prompt in call.prompt_of_row] or [0] * q.shape[0]
        answer = _attention(q, keys.to(q.dtype)[rows], values.to(q.dtype)[rows], call.heads)
        strength = (self.weight * counts).to(device=q.device, dtype=q.dtype)
        return plain + answer * strength[:, None, None]


def attention_places(config: UnetConfig) -> Iterator[Place]:
    """Every attention to the prompt, in the order in which adapters' files count them: down, up, middle."""
    per_level = config.layers_per_block + 1
    for level, depths in enumerate(config.down_depths):
        for index, depth in enumerate(depths):
            yield from (Place("input", 1 + level * per_level + index, layer) for layer in range(depth))
    for level, depths in enumerate(config.up_depths):
        for index, depth in enumerate(depths):
            yield from (Place("output", level * per_level + index, layer) for layer in range(depth))
    yield from (Place("middle", 0, layer) for layer in range(config.middle_depth or 0))


def _attention(q: Tensor, k: Tensor, v: Tensor, heads: int) -> Tensor:
    q, k, v = (each.reshape(*each.shape[:2], heads, -1).transpose(1, 2) for each in (q, k, v))
    return functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)


def paired(positive: Tensor, other: Tensor) -> Tensor:
    """`[1, tokens, context]` each to `[2, tokens, context]`; fewer tokens of nothing are repeated."""
    repeats = -(-positive.shape[1] // other.shape[1])
    return torch.cat([positive, other.repeat(1, repeats, 1)[:, : positive.shape[1]]])
