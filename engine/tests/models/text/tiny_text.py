"""Tiny text encoders with the vocabularies of the real ones, and a source that has them in memory."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from studio_engine.errors import EngineError
from studio_engine.models.files import ModelFile, ModelKind
from studio_engine.models.parts import LoadedPart, PartRef
from studio_engine.models.text.clip import ClipConfig, ClipText
from studio_engine.models.text.recipes import TextRecipe
from studio_engine.models.text.stack import TextStack
from studio_engine.models.text.t5 import T5Config, T5Encoder
from studio_engine.runtime.plan import ComputePlan, plain_plan
from studio_engine.sampling.model import LatentFormat

Answer = TypeVar("Answer")
WIDTHS = {"clip_l": 12, "clip_g": 20, "clip_h": 16}
T5_WIDTH = 32


def clip_config(part: str, layers: int = 3, *, projection: int | None = None) -> ClipConfig:
    width = WIDTHS[part]
    return ClipConfig(49408, 77, width, 2 * width, layers, 2, is_quick=part == "clip_l", projection=projection)


def t5_config(layers: int = 3) -> T5Config:
    return T5Config(32128, T5_WIDTH, 48, layers, heads=2, head_width=16, buckets=32)


def randomised(module: nn.Module, seed: int = 0) -> nn.Module:
    """Weights of a trained model's magnitude, so that every layer counts."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            fan_in = parameter.shape[-1] if parameter.ndim > 1 else 100
            parameter.copy_(1 + 0.1 * noise if "norm" in name and "weight" in name else noise * fan_in**-0.5)
    return module.train(False).requires_grad_(False)


class Alone:
    """A batcher with nobody else in it."""

    def alone(self, compute: Callable[[], Answer]) -> Answer:
        return compute()


@dataclass
class TinySource:
    """A TextSource."""

    modules: Mapping[str, nn.Module]
    files: dict[str, Path] = field(default_factory=dict)
    """Embeddings."""
    plan: ComputePlan = field(default_factory=plain_plan)
    batcher: Alone = field(default_factory=Alone)

    def part(self, ref: PartRef) -> LoadedPart:
        return LoadedPart(self.modules[ref.part], None, torch.float32, 0)

    def find(self, kind: ModelKind, name: str) -> ModelFile:
        if kind != "embedding" or name not in self.files:
            raise EngineError("model.file_missing")
        return ModelFile(name, kind, self.files[name], "1" * 64, 0, name, None)

    def preview(self, latents: Tensor, latent: LatentFormat, vae: PartRef | None) -> Tensor:
        raise NotImplementedError


def tiny_modules(recipe: TextRecipe) -> dict[str, nn.Module]:
    modules: dict[str, nn.Module] = {}
    for seed, rules in enumerate(recipe.encoders):
        part = rules.part
        empty = T5Encoder(t5_config()) if part == "t5xxl" else ClipText(clip_config(part, projection=WIDTHS[part]))
        modules[part] = randomised(empty, seed)
    return modules


def tiny_stack(recipe: TextRecipe, *, without: str = "") -> TextStack:
    file = ModelFile("tiny", "checkpoint", Path("tiny"), "0" * 64, 0, "tiny", recipe.name)
    modules = {part: module for part, module in tiny_modules(recipe).items() if part != without}
    refs = tuple(PartRef((file,), part, recipe.name) for part in modules)
    return TextStack(TinySource(modules), recipe, refs)
