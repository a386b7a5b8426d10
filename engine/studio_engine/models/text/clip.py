"""CLIP's text transformer (Radford et al. 2021), as Stable Diffusion reads it: states of any layer, and one vector.

Names of modules are those of transformers' files, which LoRAs use too.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from studio_engine.models.narrow import NarrowLinear
from studio_engine.models.text.stored import StoredEmbedding, StoredLayerNorm


@dataclass(frozen=True)
class ClipConfig:
    vocabulary: int
    positions: int
    width: int
    inner_width: int
    layers: int
    heads: int
    is_quick: bool
    """OpenAI's approximation of GELU; OpenCLIP has the exact one."""
    projection: int | None
    """Width of the projected vector; None = the file has no projection."""


class _Attention(nn.Module):
    def __init__(self, config: ClipConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.q_proj, self.k_proj, self.v_proj, self.out_proj = (
            NarrowLinear(config.width, config.width) for _ in range(4)
        )

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = (
            project(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for project in (self.q_proj, self.k_proj, self.v_proj)
        )
        out = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        answer: Tensor = self.out_proj(out.transpose(1, 2).flatten(2))
        return answer


class _Mlp(nn.Module):
    def __init__(self, config: ClipConfig) -> None:
        super().__init__()
        self.is_quick = config.is_quick
        self.fc1 = NarrowLinear(config.width, config.inner_width)
        self.fc2 = NarrowLinear(config.inner_width, config.width)

    def forward(self, x: Tensor) -> Tensor:
        inner = self.fc1(x)
        inner = inner * torch.sigmoid(1.702 * inner) if self.is_quick else functional.gelu(inner)
        answer: Tensor = self.fc2(inner)
        return answer


class _Layer(nn.Module):
    def __init__(self, config: ClipConfig) -> None:
        super().__init__()
        self.layer_norm1 = StoredLayerNorm(config.width)
        self.self_attn = _Attention(config)
        self.layer_norm2 = StoredLayerNorm(config.width)
        self.mlp = _Mlp(config)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.self_attn(self.layer_norm1(x))
        answer: Tensor = x + self.mlp(self.layer_norm2(x))
        return answer


class _Embeddings(nn.Module):
    def __init__(self, config: ClipConfig) -> None:
        super().__init__()
        self.token_embedding = StoredEmbedding(config.vocabulary, config.width)
        self.position_embedding = StoredEmbedding(config.positions, config.width)


class _Encoder(nn.Module):
    def __init__(self, config: ClipConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(_Layer(config) for _ in range(config.layers))


class _TextModel(nn.Module):
    def __init__(self, config: ClipConfig) -> None:
        super().__init__()
        self.embeddings = _Embeddings(config)
        self.encoder = _Encoder(config)
        self.final_layer_norm = StoredLayerNorm(config.width)


class ClipText(nn.Module):
    def __init__(self, config: ClipConfig) -> None:
        super().__init__()
        self.layers, self.positions, self.width = config.layers, config.positions, config.width
        self.text_model = _TextModel(config)
        if config.projection is not None:
            self.text_projection = NarrowLinear(config.width, config.projection, bias=False)

    def embed(self, ids: Tensor) -> Tensor:
        """`[rows, tokens]` to fp32 `[rows, tokens, width]`, before positions are added."""
        embedded: Tensor = self.text_model.embeddings.token_embedding(ids)
        return embedded

    def forward(self, x: Tensor, ends: Tensor, layer: int | None, *, is_normed: bool) -> tuple[Tensor, Tensor]:
        """States after `layer` (-1 = the last; None = the last one normed), and the last state at `ends`.

        `x` is `[rows, tokens, width]` from `embed`, `ends` `[rows]` says where each row's end token stands.
        `is_normed` has the states of an inner layer pass the final norm. The vector `[rows, width]` is normed
        and not projected.
        """
        model = self.text_model
        positions = torch.arange(x.shape[1], device=x.device)
        x = x + model.embeddings.position_embedding(positions)
        wanted = None if layer is None else layer % self.layers
        states = x
        for index, block in enumerate(model.encoder.layers):
            x = block(x)
            if index == wanted:
                states = x
        last: Tensor = model.final_layer_norm(x)
        pooled = last[torch.arange(x.shape[0], device=x.device), ends]
        if wanted is None:
            return last, pooled
        return model.final_layer_norm(states) if is_normed else states, pooled

    def project(self, pooled: Tensor) -> Tensor:
        """Without a projection in the file the vector stays as it is, as in ComfyUI."""
        projection = getattr(self, "text_projection", None)
        return pooled if projection is None else projection(pooled)


def empty_clip(config: ClipConfig) -> ClipText:
    with torch.device("meta"):
        module = ClipText(config)
    module.train(False)
    return module
