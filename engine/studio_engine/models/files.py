"""A model file on this machine, as its header describes it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from studio_engine.errors import ErrorCode

ModelKind = Literal[
    "checkpoint",
    "lora",
    "vae",
    "text_encoder",
    "diffusion_model",
    "controlnet",
    "embedding",
    "clip_vision",
    "style_model",
    "upscale_model",
    "hypernetwork",
    "gligen",
    "vae_approx",
    "photomaker",
    "model_patch",
    "background_removal",
    "ip_adapter",
]


@dataclass(frozen=True)
class ModelDefaults:
    width: int
    height: int
    steps: int
    cfg: float
    sampler: str
    scheduler: str


@dataclass(frozen=True)
class Problem:
    code: ErrorCode
    message: str


@dataclass(frozen=True)
class ModelFile:
    name: str
    """Relative to its folder, with forward slashes: what loader nodes take."""
    kind: ModelKind
    path: Path
    sha256: str
    size_bytes: int
    title: str
    family: str | None
    license: str | None = None
    defaults: ModelDefaults | None = None
    problem: Problem | None = None
    """Why the file cannot be used; None when it can."""
