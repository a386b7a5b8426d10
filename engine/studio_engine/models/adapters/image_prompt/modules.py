"""IP-Adapter's weights (Ye et al. 2023): from a picture's embedding to tokens, and keys and values for each layer.

Modules are named as in the adapters' files.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional

HEAD_WIDTH: Final = 64

Kind: TypeAlias = Literal["plain", "plus", "full"]
"""Reads the picture's one vector; or its patches through a resampler; or its patches through a small network."""


@dataclass(frozen=True)
class ImagePromptConfig:
    kind: Kind
    embedding: int
    """Width of what the picture encoder says."""
    context: int
    """Width of tokens, as the network's attention reads them."""
    tokens: int
    """Per picture; of "full", as many as there are patches."""
    layer_widths: tuple[int, ...]
    """Of each attention to the prompt: those on the way down, on the way up, and in the middle."""
    width: int = 0
    """Of the resampler."""
    depth: int = 0
    heads: int = 0
    inner: int = 0


class ImagePrompt(nn.Module):
    def __init__(self, config: ImagePromptConfig) -> None:
        super().__init__()
        self.image_proj = _PROJECTIONS[config.kind](config)
        # Odd numbers: the files count the layers' self attentions too.
        self.ip_adapter = nn.ModuleDict(
            {str(2 * index + 1): _Layer(config.context, width) for index, width in enumerate(config.layer_widths)}
        )

    def tokens(self, embeddings: Tensor) -> Tensor:
        """`[pictures, embedding]` or `[pictures, patches, embedding]` to `[1, pictures · tokens, context]`."""
        tokens: Tensor = self.image_proj(embeddings)
        return tokens.flatten(0, 1)[None]

    def keys_and_values(self, layer: int, tokens: Tensor) -> tuple[Tensor, Tensor]:
        projections = self.ip_adapter[str(2 * layer + 1)]
        assert isinstance(projections, _Layer)
        return projections.to_k_ip(tokens), projections.to_v_ip(tokens)


def empty_image_prompt(config: ImagePromptConfig) -> ImagePrompt:
    with torch.device("meta"):
        module = ImagePrompt(config)
    module.train(False)
    return module


class _Layer(nn.Module):
    def __init__(self, context: int, width: int) -> None:
        super().__init__()
        self.to_k_ip = nn.Linear(context, width, bias=False)
        self.to_v_ip = nn.Linear(context, width, bias=False)


class _Plain(nn.Module):
    def __init__(self, config: ImagePromptConfig) -> None:
        super().__init__()
        self.proj = nn.Linear(config.embedding, config.tokens * config.context)
        self.norm = nn.LayerNorm(config.context)

    def forward(self, x: Tensor) -> Tensor:
        tokens: Tensor = self.norm(self.proj(x).unflatten(-1, (-1, self.norm.normalized_shape[0])))
        return tokens


class _Full(nn.Module):
    def __init__(self, config: ImagePromptConfig) -> None:
        super().__init__()
        self.proj = nn.Sequential(
            nn.Linear(config.embedding, config.embedding),
            nn.GELU(),
            nn.Linear(config.embedding, config.context),
            nn.LayerNorm(config.context),
        )

    def forward(self, x: Tensor) -> Tensor:
        tokens: Tensor = self.proj(x)
        return tokens


class _PerceiverAttention(nn.Module):
    """Queries are the latents; keys and values come from the picture and the latents (Jaegle et al. 2021)."""

    def __init__(self, config: ImagePromptConfig) -> None:
        super().__init__()
        inner = config.heads * HEAD_WIDTH
        self.heads = config.heads
        self.norm1 = nn.LayerNorm(config.width)
        self.norm2 = nn.LayerNorm(config.width)
        self.to_q = nn.Linear(config.width, inner, bias=False)
        self.to_kv = nn.Linear(config.width, 2 * inner, bias=False)
        self.to_out = nn.Linear(inner, config.width, bias=False)

    def forward(self, x: Tensor, latents: Tensor) -> Tensor:
        x, latents = self.norm1(x), self.norm2(latents)
        k, v = self.to_kv(torch.cat([x, latents], dim=1)).chunk(2, dim=-1)
        q, k, v = (each.unflatten(-1, (self.heads, -1)).transpose(1, 2) for each in (self.to_q(latents), k, v))
        answer = functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        output: Tensor = self.to_out(answer)
        return output


class _Plus(nn.Module):
    """A resampler: a few learnt queries gather what a picture's patches say."""

    def __init__(self, config: ImagePromptConfig) -> None:
        super().__init__()
        width = config.width
        self.latents = nn.Parameter(torch.empty(1, config.tokens, width))
        self.proj_in = nn.Linear(config.embedding, width)
        self.layers = nn.ModuleList(
            nn.ModuleList([_PerceiverAttention(config), _feed_forward(width, config.inner)])
            for _ in range(config.depth)
        )
        self.proj_out = nn.Linear(width, config.context)
        self.norm_out = nn.LayerNorm(config.context)

    def forward(self, x: Tensor) -> Tensor:
        x = self.proj_in(x)
        latents = self.latents.expand(x.shape[0], -1, -1)
        for layer in self.layers:
            assert isinstance(layer, nn.ModuleList)
            attend, feed = layer
            latents = attend(x, latents) + latents
            latents = feed(latents) + latents
        tokens: Tensor = self.norm_out(self.proj_out(latents))
        return tokens


def _feed_forward(width: int, inner: int) -> nn.Sequential:
    return nn.Sequential(
        nn.LayerNorm(width), nn.Linear(width, inner, bias=False), nn.GELU(), nn.Linear(inner, width, bias=False)
    )


_PROJECTIONS: Final = {"plain": _Plain, "plus": _Plus, "full": _Full}
