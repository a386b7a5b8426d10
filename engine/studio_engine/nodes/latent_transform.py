"""Nodes that resize, cut, turn and compose latents."""

from dataclasses import replace
from typing import Any, Final

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from studio_engine.graph.node import Node, Output, boolean, combo, integer, node, number, socket
from studio_engine.graph.sockets import Latent, NodeContext
from studio_engine.imaging.composite import paste
from studio_engine.imaging.resize import CROPS, LATENT_METHODS, resize
from studio_engine.sampling.latent_batches import composite

_CELL: Final = 8
_LEAST_PIXELS: Final = 64
_LEAST_CELLS: Final = 8
_OUTPUTS = (Output("LATENT", tooltip="The changed latents."),)


def _latents(tooltip: str = "The latents to change.") -> Any:
    return socket("LATENT", tooltip=tooltip)


def _pixels(default: int, least: int, tooltip: str) -> Any:
    return integer(default=default, min=least, max=16384, step=8, tooltip=tooltip)


def _method() -> Any:
    return combo(LATENT_METHODS, tooltip="How cells between two others are made; bislerp keeps the most contrast.")


def _with(latent: Latent, samples: Tensor) -> tuple[Latent]:
    return (replace(latent, samples=samples),)


@node(title="Upscale Latent", category="latent", outputs=_OUTPUTS)
class LatentUpscale(Node):
    """Resizes latents. A second run at less than full denoise then draws the detail."""

    samples: Latent = _latents()
    upscale_method: str = _method()
    width: int = _pixels(512, 0, "Width in pixels; 0 = by the aspect.")
    height: int = _pixels(512, 0, "Height in pixels; 0 = by the aspect.")
    crop: str = combo(CROPS, tooltip="Center cuts what does not fit the new aspect.")

    def run(self, ctx: NodeContext) -> tuple[Latent]:
        if self.width == 0 and self.height == 0:
            return (self.samples,)
        rows, columns = self.samples.samples.shape[-2:]
        width = self.width or round(columns * max(_LEAST_PIXELS, self.height) / rows)
        height = self.height or round(rows * max(_LEAST_PIXELS, self.width) / columns)
        width, height = (max(_LEAST_PIXELS, side) // _CELL for side in (width, height))
        return _with(
            self.samples, resize(self.samples.samples, width, height, method=self.upscale_method, crop=self.crop)
        )


@node(title="Upscale Latent By", category="latent", outputs=_OUTPUTS)
class LatentUpscaleBy(Node):
    """Resizes latents by a factor."""

    samples: Latent = _latents()
    upscale_method: str = _method()
    scale_by: float = number(default=1.5, min=0.01, max=8.0, step=0.01, tooltip="Factor on both sides.")

    def run(self, ctx: NodeContext) -> tuple[Latent]:
        height, width = (round(side * self.scale_by) for side in self.samples.samples.shape[-2:])
        return _with(self.samples, resize(self.samples.samples, width, height, method=self.upscale_method))


@node(title="Rotate Latent", category="latent/transform", outputs=_OUTPUTS)
class LatentRotate(Node):
    """Turns latents clockwise."""

    samples: Latent = _latents()
    rotation: str = combo(("none", "90 degrees", "180 degrees", "270 degrees"), tooltip="How far, clockwise.")

    def run(self, ctx: NodeContext) -> tuple[Latent]:
        quarters = ("none", "90 degrees", "180 degrees", "270 degrees").index(self.rotation)
        return _with(self.samples, torch.rot90(self.samples.samples, k=quarters, dims=[3, 2]))


@node(title="Flip Latent", category="latent/transform", outputs=_OUTPUTS)
class LatentFlip(Node):
    """Mirrors latents."""

    samples: Latent = _latents()
    flip_method: str = combo(("x-axis: vertically", "y-axis: horizontally"), tooltip="Top to bottom, or left to right.")

    def run(self, ctx: NodeContext) -> tuple[Latent]:
        dim = -2 if self.flip_method.startswith("x") else -1
        return _with(self.samples, self.samples.samples.flip(dim))


@node(title="Crop Latent", category="latent/transform", outputs=_OUTPUTS)
class LatentCrop(Node):
    """Cuts a rectangle out of latents."""

    samples: Latent = _latents()
    width: int = _pixels(512, 64, "Width of the rectangle in pixels.")
    height: int = _pixels(512, 64, "Height of the rectangle in pixels.")
    x: int = _pixels(0, 0, "Pixels from the left.")
    y: int = _pixels(0, 0, "Pixels from the top.")

    def run(self, ctx: NodeContext) -> tuple[Latent]:
        rows, columns = self.samples.samples.shape[-2:]
        # However far to the right or down it is asked for, some of the picture is left.
        x = max(0, min(self.x // _CELL, columns - _LEAST_CELLS))
        y = max(0, min(self.y // _CELL, rows - _LEAST_CELLS))
        part = self.samples.samples[..., y : y + self.height // _CELL, x : x + self.width // _CELL]
        return _with(self.samples, part)


@node(title="Latent Composite", category="latent", outputs=_OUTPUTS)
class LatentComposite(Node):
    """Lays latents over others, with soft edges."""

    samples_to: Latent = _latents("The latents below.")
    samples_from: Latent = _latents("The latents above.")
    x: int = _pixels(0, 0, "Pixels from the left.")
    y: int = _pixels(0, 0, "Pixels from the top.")
    feather: int = _pixels(0, 0, "Pixels over which the edges fade.")

    def run(self, ctx: NodeContext) -> tuple[Latent]:
        x, y, feather = (each // _CELL for each in (self.x, self.y, self.feather))
        return _with(
            self.samples_to,
            composite(self.samples_to.samples, self.samples_from.samples, place=(x, y), feather=feather),
        )


@node(title="LatentCompositeMasked", category="latent", outputs=_OUTPUTS, module="comfy_extras.nodes_mask")
class LatentCompositeMasked(Node):
    """Lays latents over others where a mask is white."""

    destination: Latent = _latents("The latents below.")
    source: Latent = _latents("The latents above.")
    x: int = _pixels(0, 0, "Pixels from the left.")
    y: int = _pixels(0, 0, "Pixels from the top.")
    resize_source: bool = boolean(default=False, tooltip="Stretch the latents above to those below.")
    mask: Tensor | None = socket("MASK", tooltip="Where the latents above are seen.", optional=True)

    def run(self, ctx: NodeContext) -> tuple[Latent]:
        below, above = self.destination.samples, self.source.samples
        if self.resize_source:
            above = interpolate(above, size=below.shape[-2:], mode="bilinear")
        return _with(self.destination, paste(below, above, x=self.x // _CELL, y=self.y // _CELL, mask=self.mask))
