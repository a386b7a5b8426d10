"""Nodes that cut, pad, turn and join pictures."""

import torch
from torch import Tensor

from studio_engine.graph.node import Node, Output, boolean, combo, integer, node, socket
from studio_engine.graph.sockets import NodeContext
from studio_engine.imaging.transform import COLOURS, crop_image, fit_into, pad_for_outpaint, rotate, stitch

_IMAGE = Output("IMAGE", tooltip="The changed picture.")
_MAX_SIDE = 16384
_QUARTERS = {"none": 0, "90 degrees": 1, "180 degrees": 2, "270 degrees": 3}
_FLIPS = {"x-axis: vertically": 1, "y-axis: horizontally": 2}


@node(title="Image Crop", category="image/transform", module="comfy_extras.nodes_images", outputs=(_IMAGE,))
class ImageCrop(Node):
    """Cuts a part out of a picture, as far as the picture goes."""

    image: Tensor = socket("IMAGE", tooltip="The picture.")
    width: int = integer(default=512, min=1, max=_MAX_SIDE, step=1, tooltip="Width of the part.")
    height: int = integer(default=512, min=1, max=_MAX_SIDE, step=1, tooltip="Height of the part.")
    x: int = integer(default=0, min=0, max=_MAX_SIDE, step=1, tooltip="Pixels left of the part.")
    y: int = integer(default=0, min=0, max=_MAX_SIDE, step=1, tooltip="Pixels above the part.")

    def run(self, ctx: NodeContext) -> tuple[Tensor]:
        return (crop_image(self.image, x=self.x, y=self.y, size=(self.width, self.height)),)


@node(title="ImageFlip", category="image/transform", module="comfy_extras.nodes_images", outputs=(_IMAGE,))
class ImageFlip(Node):
    """Mirrors a picture."""

    image: Tensor = socket("IMAGE", tooltip="The picture.")
    flip_method: str = combo(tuple(_FLIPS), tooltip="Top and bottom, or left and right.")

    def run(self, ctx: NodeContext) -> tuple[Tensor]:
        return (torch.flip(self.image, dims=[_FLIPS[self.flip_method]]),)


@node(title="ImageRotate", category="image/transform", module="comfy_extras.nodes_images", outputs=(_IMAGE,))
class ImageRotate(Node):
    """Turns a picture clockwise."""

    image: Tensor = socket("IMAGE", tooltip="The picture.")
    rotation: str = combo(tuple(_QUARTERS), tooltip="How far.")

    def run(self, ctx: NodeContext) -> tuple[Tensor]:
        return (rotate(self.image, _QUARTERS[self.rotation]),)


@node(title="ResizeAndPadImage", category="image/transform", module="comfy_extras.nodes_images", outputs=(_IMAGE,))
class ResizeAndPadImage(Node):
    """Fits a whole picture into a size and fills up the rest."""

    image: Tensor = socket("IMAGE", tooltip="The picture.")
    target_width: int = integer(default=512, min=1, max=_MAX_SIDE, step=1, tooltip="Width of the result.")
    target_height: int = integer(default=512, min=1, max=_MAX_SIDE, step=1, tooltip="Height of the result.")
    padding_color: str = combo(("white", "black"), tooltip="What is at the sides of the picture.")
    interpolation: str = combo(
        ("area", "bicubic", "nearest-exact", "bilinear", "lanczos"), tooltip="How to scale; area for smaller pictures."
    )

    def run(self, ctx: NodeContext) -> tuple[Tensor]:
        size = (self.target_width, self.target_height)
        colour = COLOURS[self.padding_color][0]
        return (fit_into(self.image, size, self.interpolation, colour=colour),)


@node(title="Image Stitch", category="image/transform", module="comfy_extras.nodes_images", outputs=(_IMAGE,))
class ImageStitch(Node):
    """Puts a second picture next to the first; without a second, the first passes unchanged."""

    image1: Tensor = socket("IMAGE", tooltip="The first picture.")
    direction: str = combo(("right", "down", "left", "up"), default="right", tooltip="Where the second picture goes.")
    match_image_size: bool = boolean(default=True, tooltip="Scale the second picture so that the sides fit.")
    spacing_width: int = integer(default=0, min=0, max=1024, step=2, tooltip="Pixels between the pictures.")
    spacing_color: str = combo(tuple(COLOURS), default="white", tooltip="What is between them.")
    image2: Tensor | None = socket("IMAGE", optional=True, tooltip="The second picture.")

    def run(self, ctx: NodeContext) -> tuple[Tensor]:
        if self.image2 is None:
            return (self.image1,)
        stitched = stitch(
            self.image1,
            self.image2,
            self.direction,
            is_matched=self.match_image_size,
            gap=self.spacing_width,
            colour=self.spacing_color,
        )
        return (stitched,)


@node(
    title="Pad Image for Outpainting",
    category="image",
    outputs=(
        Output("IMAGE", tooltip="The picture on a larger grey canvas."),
        Output("MASK", tooltip="1 on what is new, fading out into the picture."),
    ),
)
class ImagePadForOutpaint(Node):
    """Makes room around a picture, to be painted by an inpainting model."""

    image: Tensor = socket("IMAGE", tooltip="The picture.")
    left: int = integer(default=0, min=0, max=_MAX_SIDE, step=8, tooltip="Pixels to add at the left.")
    top: int = integer(default=0, min=0, max=_MAX_SIDE, step=8, tooltip="Pixels to add above.")
    right: int = integer(default=0, min=0, max=_MAX_SIDE, step=8, tooltip="Pixels to add at the right.")
    bottom: int = integer(default=0, min=0, max=_MAX_SIDE, step=8, tooltip="Pixels to add below.")
    feathering: int = integer(
        default=40, min=0, max=_MAX_SIDE, step=1, tooltip="How far into the picture the mask fades out."
    )

    def run(self, ctx: NodeContext) -> tuple[Tensor, Tensor]:
        edges = (self.left, self.top, self.right, self.bottom)
        return pad_for_outpaint(self.image, edges, self.feathering)
