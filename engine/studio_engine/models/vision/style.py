"""STYLE_MODEL: networks that turn what an encoder says of a picture into tokens of a prompt.

Flux Redux (Black Forest Labs 2024), and the style adapter of Stable Diffusion 1 (Mou et al. 2023). Modules are named as
in their files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from studio_engine.checkpoint.safetensors_file import SafetensorsHeader, read_header
from studio_engine.errors import EngineError
from studio_engine.models.clip_mlp import ClipMlp
from studio_engine.models.files import ModelFile
from studio_engine.models.keys import PartKeys
from studio_engine.models.parts import Blueprint, PartRef, PartSource, WeightSource
from studio_engine.models.vision.encoder import VisionOutput
from studio_engine.runtime.plan import ComputePlan
from studio_engine.sampling.conditioning import Conditioning

_HEADS: Final = 8


@dataclass(frozen=True)
class StyleConfig:
    inputs: int
    """Width of what the encoder says of each patch."""
    inner: int
    outputs: int
    """Width of the prompt's tokens."""
    tokens: int | None = None
    """Of the style adapter; None = Redux, which gives a token per patch."""
    layers: int = 0
    heads: int = _HEADS


class Redux(nn.Module):
    def __init__(self, config: StyleConfig) -> None:
        super().__init__()
        self.redux_up = nn.Linear(config.inputs, config.inner)
        self.redux_down = nn.Linear(config.inner, config.outputs)

    def forward(self, x: Tensor) -> Tensor:
        tokens: Tensor = self.redux_down(functional.silu(self.redux_up(x)))
        return tokens


class _Layer(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attn = nn.MultiheadAttention(width, heads, batch_first=True)
        self.ln_1 = nn.LayerNorm(width)
        self.mlp = ClipMlp(width)
        self.ln_2 = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        normed = self.ln_1(x)
        x = x + self.attn(normed, normed, normed, need_weights=False)[0]
        output: Tensor = x + self.mlp(self.ln_2(x))
        return output


class StyleAdapter(nn.Module):
    def __init__(self, config: StyleConfig, tokens: int) -> None:
        super().__init__()
        self.style_embedding = nn.Parameter(torch.empty(1, tokens, config.inputs))
        self.transformer_layes = nn.Sequential(*(_Layer(config.inputs, config.heads) for _ in range(config.layers)))
        self.ln_pre = nn.LayerNorm(config.inputs)
        self.ln_post = nn.LayerNorm(config.inputs)
        self.proj = nn.Parameter(torch.empty(config.inputs, config.outputs))

    def forward(self, x: Tensor) -> Tensor:
        learnt = self.style_embedding.expand(x.shape[0], -1, -1)
        states = self.transformer_layes(self.ln_pre(torch.cat([x, learnt], dim=1)))
        tokens: Tensor = self.ln_post(states[:, -learnt.shape[1] :]) @ self.proj
        return tokens


def read_style_config(header: SafetensorsHeader) -> StyleConfig:
    """Raises `model.family_unknown` and `model.untrained`."""
    keys = PartKeys(header)
    if "redux_up.weight" in keys:
        inner, inputs = keys.shape("redux_up.weight")
        return StyleConfig(inputs, inner, keys.shape("redux_down.weight")[0])
    if "style_embedding" in keys:
        _, tokens, inputs = keys.shape("style_embedding")
        layers = keys.count(r"transformer_layes\.(\d+)\.")
        heads = keys.number("studio.style_heads", _HEADS)
        return StyleConfig(inputs, 4 * inputs, keys.shape("proj")[1], tokens, layers, heads)
    raise EngineError(
        "model.family_unknown",
        f"{header.path.name} is no style model that this engine knows; it runs Flux Redux and SD 1.5's style adapter.",
    )


def style_blueprint(ref: PartRef, headers: Sequence[SafetensorsHeader], plan: ComputePlan) -> Blueprint:
    config = read_style_config(headers[0])

    def empty() -> nn.Module:
        with torch.device("meta"):
            module = Redux(config) if config.tokens is None else StyleAdapter(config, config.tokens)
        return module.train(False)

    # Once per picture, so full precision costs nothing that anyone notices.
    return Blueprint(config=config, empty=empty, source=WeightSource, dtype=torch.float32)


@dataclass(frozen=True, eq=False)
class StyleModel:
    """STYLE_MODEL"""

    source: PartSource
    ref: PartRef
    config: StyleConfig

    @torch.no_grad()
    def tokens(self, seen: VisionOutput) -> Tensor:
        """`[1, pictures · tokens, width]`, fp32 on the CPU. Raises `model.family_unknown` for another encoder."""
        states = seen.last_hidden_state
        if states.shape[-1] != self.config.inputs:
            raise EngineError(
                "model.family_unknown",
                f"{self.ref.files[0].name} reads {self.config.inputs} numbers per patch, and this CLIP vision model "
                f"gives {states.shape[-1]}; Redux needs SigLIP, and the style adapter CLIP's ViT-L.",
            )
        part = self.source.part(self.ref)
        placed = states.to(self.source.plan.device, part.dtype)
        tokens: Tensor = self.source.batcher.alone(lambda: part.module(placed))
        return tokens.flatten(0, 1)[None].float().cpu()


def open_style(source: PartSource, file: ModelFile) -> StyleModel:
    config = read_style_config(read_header(file.path))
    return StyleModel(source, PartRef((file,), "style", "style"), config)


def with_style(prompt: Conditioning, style: StyleModel, seen: VisionOutput, *, strength: float) -> Conditioning:
    """The prompt's tokens, then the picture's, multiplied by `strength`."""
    tokens = style.tokens(seen) * strength
    width = prompt[0].context.shape[-1] if prompt else tokens.shape[-1]
    if width != tokens.shape[-1]:
        raise EngineError(
            "model.family_unknown",
            f"{style.ref.files[0].name} gives tokens of {tokens.shape[-1]} numbers and this prompt has {width}; "
            "use a style model of the family whose CLIP encoded the prompt.",
        )
    return tuple(
        replace(cond, context=torch.cat([cond.context, tokens.expand(cond.context.shape[0], -1, -1)], dim=1))
        for cond in prompt
    )
