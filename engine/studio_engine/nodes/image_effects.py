"""Nodes that filter pictures."""

import torch
from torch import Tensor

from studio_engine.graph.inputs import MAX_SEED
from studio_engine.graph.node import Node, Output, combo, integer, node, number, socket
from studio_engine.graph.sockets import NodeContext
from studio_engine.imaging import filters
from studio_engine.imaging.batches import match_alpha, to_rgb
from studio_engine.imaging.composite import BLENDS, blend
from studio_engine.imaging.morphology import MORPHOLOGY
from studio_engine.imaging.quantize import quantize
from studio_engine.imaging.transform import resize_image

_IMAGE = Output("IMAGE", tooltip="The changed picture.")
_POST = "comfy_extras.nodes_post_processing"
_DITHERS = ("none", "floyd-steinberg", "bayer-2", "bayer-4", "bayer-8", "bayer-16")


@node(title="Invert Image", category="image", outputs=(_IMAGE,))
class ImageInvert(Node):
    """Turns light into dark and each colour into its opposite."""

    image: Tensor = socket("IMAGE", tooltip="The picture.")

    def run(self, ctx: NodeContext) -> tuple[Tensor]:
        return (1.0 - self.image,)


@node(title="ImageAddNoise", category="image", module="comfy_extras.nodes_images", outputs=(_IMAGE,))
class ImageAddNoise(Node):
    """Adds grain: a different amount at each pixel and in each colour."""

    image: Tensor = socket("IMAGE", tooltip="The picture.")
    seed: int = integer(
        default=0, min=0, max=MAX_SEED, control_after_generate=True, tooltip="The same seed adds the same grain."
    )
    strength: float = number(default=0.5, min=0.0, max=1.0, step=0.01, tooltip="How much; 0 changes nothing.")

    def run(self, ctx: NodeContext) -> tuple[Tensor]:
        generator = torch.Generator().manual_seed(self.seed)
        grain = torch.randn(self.image.shape, generator=generator)
        return ((self.image + self.strength * grain).clamp(0.0, 1.0),)


@node(title="ImageBlend", category="image/postprocessing", module=_POST, outputs=(_IMAGE,))
class ImageBlend(Node):
    """Mixes two pictures; the second is cropped and scaled to the size of the first."""

    image1: Tensor = socket("IMAGE", tooltip="The first picture.")
    image2: Tensor = socket("IMAGE", tooltip="The picture to mix in.")
    blend_factor: float = number(default=0.5, min=0.0, max=1.0, step=0.01, tooltip="How much of the second to mix in.")
    blend_mode: str = combo(tuple(BLENDS), tooltip="How two colours become one.")

    def run(self, ctx: NodeContext) -> tuple[Tensor]:
        first, second = match_alpha(self.image1, self.image2)
        if first.shape != second.shape:
            second = resize_image(second, first.shape[2], first.shape[1], method="bicubic", crop="center")
        return (blend(first, second, mode=self.blend_mode, amount=self.blend_factor),)


@node(title="ImageBlur", category="image/postprocessing", module=_POST, outputs=(_IMAGE,))
class ImageBlur(Node):
    """Blurs a picture."""

    image: Tensor = socket("IMAGE", tooltip="The picture.")
    blur_radius: int = integer(default=1, min=1, max=31, step=1, tooltip="How many pixels around each one count.")
    sigma: float = number(default=1.0, min=0.1, max=10.0, step=0.1, tooltip="How evenly they count.")

    def run(self, ctx: NodeContext) -> tuple[Tensor]:
        return (filters.blur(self.image.movedim(-1, 1), self.blur_radius, self.sigma).movedim(1, -1),)


@node(title="ImageSharpen", category="image/postprocessing", module=_POST, outputs=(_IMAGE,))
class ImageSharpen(Node):
    """Makes edges in a picture stronger."""

    image: Tensor = socket("IMAGE", tooltip="The picture.")
    sharpen_radius: int = integer(default=1, min=1, max=31, step=1, tooltip="How wide an edge may be, in pixels.")
    sigma: float = number(default=1.0, min=0.1, max=10.0, step=0.01, tooltip="How evenly the pixels around count.")
    alpha: float = number(default=1.0, min=0.0, max=5.0, step=0.01, tooltip="How strongly; 0 changes nothing.")

    def run(self, ctx: NodeContext) -> tuple[Tensor]:
        samples = self.image.movedim(-1, 1)
        return (
            filters.sharpen(samples, radius=self.sharpen_radius, sigma=self.sigma, alpha=self.alpha).movedim(1, -1),
        )


@node(title="ImageQuantize", category="image/postprocessing", module=_POST, outputs=(_IMAGE,))
class ImageQuantize(Node):
    """Reduces a picture to a few colours."""

    image: Tensor = socket("IMAGE", tooltip="The picture.")
    colors: int = integer(default=256, min=1, max=256, step=1, tooltip="How many colours.")
    dither: str = combo(_DITHERS, tooltip="The pattern that imitates the colours in between.")

    def run(self, ctx: NodeContext) -> tuple[Tensor]:
        return (quantize(to_rgb(self.image), self.colors, self.dither),)


@node(
    title="ImageMorphology", category="image/postprocessing", module="comfy_extras.nodes_morphology", outputs=(_IMAGE,)
)
class Morphology(Node):
    """Grows or shrinks bright parts of a picture, and what follows from these two."""

    image: Tensor = socket("IMAGE", tooltip="The picture.")
    operation: str = combo(tuple(MORPHOLOGY), tooltip="Dilate grows bright parts, erode shrinks them.")
    kernel_size: int = integer(default=3, min=3, max=999, step=1, tooltip="Side of the square that is looked at.")

    def run(self, ctx: NodeContext) -> tuple[Tensor]:
        return (MORPHOLOGY[self.operation](self.image.movedim(-1, 1), self.kernel_size).movedim(1, -1),)
