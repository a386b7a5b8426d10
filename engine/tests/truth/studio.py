"""The starter model at 64 × 64 pixels, driven by the nodes of a graph."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from studio_engine.checkpoint.digest import DigestCache
from studio_engine.models.inventory import scan_models
from studio_engine.models.store import ModelStore
from studio_engine.nodes import NODES
from studio_engine.runtime.plan import plain_plan
from studio_engine.sampling.conditioning import Conditioning
from studio_engine.sampling.model import Latent, Model

SIDE = 64
THUMBNAIL = 32
STEPS = 3
WEIGHTS = Path(__file__).parents[2] / "starter" / "weights"


class Quiet:
    """A NodeContext of a job that nobody watches."""

    def __init__(self, models: ModelStore) -> None:
        self.models = models

    def check_cancelled(self) -> None:
        pass

    def progress(self, step: int, steps: int) -> None:
        pass

    def preview(self, latents: Tensor, model: Model) -> None:
        pass


class Studio:
    """Runs nodes by their names. What a graph needs most is a field."""

    def __init__(self, folder: Path) -> None:
        inventory = scan_models(WEIGHTS, folder, DigestCache(folder / "digests.json"))
        self._context = Quiet(ModelStore(inventory, plain_plan(), 2**30))
        self.model, self.clip, self.vae = self.run("CheckpointLoaderSimple", ckpt_name="starter.safetensors")
        self.castle, self.forest, self.nothing = map(self.prompt, ("a castle", "a forest", ""))
        self.photo = picture()

    def run(self, node: str, **inputs):
        """The outputs of a node; unnamed inputs have their defaults, or the first choice."""
        cls = NODES[node]
        defaults = {
            name: spec.settings.get("default", spec.options[0] if spec.options else None)
            for name, spec in cls.spec.inputs.items()
            if spec.is_required and name not in inputs
        }
        return cls(**defaults, **inputs).run(self._context)

    def one(self, node: str, **inputs):
        (output,) = self.run(node, **inputs)
        return output

    def prompt(self, text: str) -> Conditioning:
        return self.one("CLIPTextEncode", text=text, clip=self.clip)

    def empty(self, batch: int = 1, side: int = SIDE) -> Latent:
        return self.one("EmptyLatentImage", width=side, height=side, batch_size=batch)

    def encoded(self) -> Latent:
        return self.one("VAEEncode", pixels=self.photo, vae=self.vae)

    def draw(self, **changes) -> Latent:
        settings = {
            "model": self.model,
            "positive": self.castle,
            "negative": self.nothing,
            "latent_image": self.empty(),
            "seed": 7,
            "steps": STEPS,
            "cfg": 5.0,
        }
        return self.one("KSampler", **(settings | changes))

    def pixels(self, latent: Latent) -> Tensor:
        """Of the first row: uint8 `[64, 64, 3]` or larger, rounded as files round them."""
        image = self.one("VAEDecode", samples=replace(latent, samples=latent.samples[:1]), vae=self.vae)
        return (image[0] * 255).clamp(0, 255).to(torch.uint8)


def thumbnail(pixels: Tensor) -> np.ndarray:
    """uint8 `[32, 32, 3]`: means of squares, which keep a fixture small and hide no change."""
    means = functional.adaptive_avg_pool2d(pixels.movedim(-1, 0).float(), THUMBNAIL)
    return means.round().to(torch.uint8).movedim(0, -1).numpy()


def picture() -> Tensor:
    """A sky over a field, and a sun: `[1, 64, 64, 3]`."""
    y, x = torch.meshgrid(torch.linspace(0, 1, SIDE), torch.linspace(0, 1, SIDE), indexing="ij")
    sky = torch.stack([0.3 + 0.4 * y, 0.5 + 0.3 * y, torch.full_like(y, 0.9)], dim=-1)
    field = torch.stack([0.2 * x, 0.6 - 0.2 * x, torch.full_like(x, 0.1)], dim=-1)
    sun = ((x - 0.7) ** 2 + (y - 0.25) ** 2 < 0.02)[..., None]
    scene = torch.where((y > 0.6)[..., None], field, sky)
    return torch.where(sun, torch.tensor([1.0, 0.9, 0.4]), scene)[None]


def ramp() -> Tensor:
    """A mask that brightens from left to right: `[1, 64, 64]`."""
    return torch.linspace(0, 1, SIDE).expand(1, SIDE, SIDE)


def right_half() -> Tensor:
    return (ramp() > 0.5).float()
