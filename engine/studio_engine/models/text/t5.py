"""T5's encoder, version 1.1 (Raffel et al. 2020; Shazeer 2020): relative positions, no biases, gated GELU.

Names of modules are those of transformers' files.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from studio_engine.models.narrow import NarrowLinear
from studio_engine.models.text.stored import StoredEmbedding

_FARTHEST: Final = 128
"""Tokens; what lies farther away shares the last bucket."""
_EPSILON: Final = 1e-6


@dataclass(frozen=True)
class T5Config:
    vocabulary: int
    width: int
    inner_width: int
    layers: int
    heads: int
    head_width: int
    buckets: int
    """Of relative distances, half of them for each direction."""


class _Norm(nn.Module):
    """Root mean square, without a mean."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(width))

    def forward(self, x: Tensor) -> Tensor:
        scaled = x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + _EPSILON)
        return self.weight.to(x.dtype) * scaled


class _Attention(nn.Module):
    def __init__(self, config: T5Config, *, has_bias: bool) -> None:
        super().__init__()
        self.heads = config.heads
        inner = config.heads * config.head_width
        self.q, self.k, self.v = (NarrowLinear(config.width, inner, bias=False) for _ in range(3))
        self.o = NarrowLinear(inner, config.width, bias=False)
        if has_bias:
            self.relative_attention_bias = StoredEmbedding(config.buckets, config.heads)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        query, key, value = (
            project(x).unflatten(-1, (self.heads, -1)).transpose(1, 2) for project in (self.q, self.k, self.v)
        )
        # T5's queries are not scaled: its initialisation does that.
        out = functional.scaled_dot_product_attention(query, key, value, attn_mask=bias, scale=1.0)
        answer: Tensor = self.o(out.transpose(1, 2).flatten(2))
        return answer


class _AttentionLayer(nn.Module):
    def __init__(self, config: T5Config, *, has_bias: bool) -> None:
        super().__init__()
        self.SelfAttention = _Attention(config, has_bias=has_bias)
        self.layer_norm = _Norm(config.width)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        answer: Tensor = x + self.SelfAttention(self.layer_norm(x), bias)
        return answer


class _Gated(nn.Module):
    def __init__(self, config: T5Config) -> None:
        super().__init__()
        self.wi_0, self.wi_1 = (NarrowLinear(config.width, config.inner_width, bias=False) for _ in range(2))
        self.wo = NarrowLinear(config.inner_width, config.width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = self.wo(functional.gelu(self.wi_0(x), approximate="tanh") * self.wi_1(x))
        return answer


class _MlpLayer(nn.Module):
    def __init__(self, config: T5Config) -> None:
        super().__init__()
        self.DenseReluDense = _Gated(config)
        self.layer_norm = _Norm(config.width)

    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = x + self.DenseReluDense(self.layer_norm(x))
        return answer


class _Block(nn.Module):
    def __init__(self, config: T5Config, *, has_bias: bool) -> None:
        super().__init__()
        self.layer = nn.ModuleList([_AttentionLayer(config, has_bias=has_bias), _MlpLayer(config)])

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        answer: Tensor = self.layer[1](self.layer[0](x, bias))
        return answer


class _Encoder(nn.Module):
    def __init__(self, config: T5Config) -> None:
        super().__init__()
        self.block = nn.ModuleList(_Block(config, has_bias=index == 0) for index in range(config.layers))
        self.final_layer_norm = _Norm(config.width)


class T5Encoder(nn.Module):
    def __init__(self, config: T5Config) -> None:
        super().__init__()
        self.layers, self.width, self.heads, self.buckets = config.layers, config.width, config.heads, config.buckets
        self.shared = StoredEmbedding(config.vocabulary, config.width)
        self.encoder = _Encoder(config)

    def embed(self, ids: Tensor) -> Tensor:
        """`[rows, tokens]` to fp32 `[rows, tokens, width]`."""
        embedded: Tensor = self.shared(ids)
        return embedded

    def forward(self, x: Tensor, layer: int | None) -> Tensor:
        """Normed states `[rows, tokens, width]` after `layer` (-1 = the last); None = the last."""
        first = self.encoder.get_submodule("block.0.layer.0.SelfAttention")
        assert isinstance(first, _Attention)
        distances = relative_buckets(x.shape[1], self.buckets).to(x.device)
        bias = first.relative_attention_bias(distances).permute(2, 0, 1)[None].to(x.dtype)
        last = self.layers - 1 if layer is None else layer % self.layers
        for block in self.encoder.block[: last + 1]:
            x = block(x, bias)
        answer: Tensor = self.encoder.final_layer_norm(x)
        return answer


def relative_buckets(tokens: int, buckets: int) -> Tensor:
    """`[tokens, tokens]`: the bucket of each query's distance to each key; exact when near, logarithmic when far."""
    position = torch.arange(tokens)
    distance = position[None, :] - position[:, None]
    side = buckets // 2
    exact = side // 2
    far = (distance.abs().clamp(min=1).float() / exact).log() / math.log(_FARTHEST / exact) * (side - exact)
    near = distance.abs()
    bucket = torch.where(near < exact, near, (exact + far.long()).clamp(max=side - 1))
    return bucket + side * (distance > 0)


def empty_t5(config: T5Config) -> T5Encoder:
    with torch.device("meta"):
        module = T5Encoder(config)
    module.train(False)
    return module
