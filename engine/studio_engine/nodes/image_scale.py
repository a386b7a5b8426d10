"""Nodes that change the size of pictures."""

from torch import Tensor

from studio_engine.graph.node import Node, Output, combo, integer, node, number, socket
from studio_engine.graph.sockets import NodeContext
from studio_engine.imaging.resize import CROPS, IMAGE_METHODS
from studio_engine.imaging.transform import (
    kontext_size,
    longest_side_size,
    missing_side,
    resize_image,
    total_pixels_size,
)

_IMAGE = Output("IMAGE", tooltip="The picture in its new size.")
_MAX_SIDE = 16384
_METHOD_HELP = "How to scale: area for smaller pictures, lanczos for sharp larger ones."


@node(title="Upscale Image", category="image/upscaling", outputs=(_IMAGE,))
class ImageScale(Node):
    """Scales pictures to a size. A side of 0 follows from the other."""

    image: Tensor = socket("IMAGE", tooltip="The picture.")
    upscale_method: str = combo(IMAGE_METHODS, tooltip=_METHOD_HELP)
    width: int = integer(default=512, min=0, max=_MAX_SIDE, step=1, tooltip="New width; 0 keeps the proportions.")
    height: int = integer(default=512, min=0, max=_MAX_SIDE, step=1, tooltip="New height; 0 keeps the proportions.")
    crop: str = combo(CROPS, tooltip="Stretch, or cut the longer side first.")

    def run(self, ctx: NodeContext) -> tuple[Tensor]:
        if self.width == 0 and self.height == 0:
            return (self.image,)
        width, height = missing_side(self.width, self.height, self.image)
        return (resize_image(self.image, width, height, method=self.upscale_method, crop=self.crop),)


@node(title="Upscale Image By", category="image/upscaling", outputs=(_IMAGE,))
class ImageScaleBy(Node):
    """Scales pictures by a factor."""

    image: Tensor = socket("IMAGE", tooltip="The picture.")
    upscale_method: str = combo(IMAGE_METHODS, tooltip=_METHOD_HELP)
    scale_by: float = number(default=1.0, min=0.01, max=8.0, step=0.01, tooltip="Factor for both sides.")

    def run(self, ctx: NodeContext) -> tuple[Tensor]:
        height, width = (round(side * self.scale_by) for side in self.image.shape[1:3])
        return (resize_image(self.image, width, height, method=self.upscale_method),)


@node(
    title="ImageScaleToMaxDimension", category="image/upscaling", module="comfy_extras.nodes_images", outputs=(_IMAGE,)
)
class ImageScaleToMaxDimension(Node):
    """Scales pictures so that the longer side has a length."""

    image: Tensor = socket("IMAGE", tooltip="The picture.")
    upscale_method: str = combo(
        ("area", "lanczos", "bilinear", "nearest-exact", "bilinear", "bicubic"), tooltip=_METHOD_HELP
    )
    largest_size: int = integer(default=512, min=0, max=_MAX_SIDE, step=1, tooltip="Length of the longer side.")

    def run(self, ctx: NodeContext) -> tuple[Tensor]:
        height, width = self.image.shape[1:3]
        new_width, new_height = longest_side_size(width, height, self.largest_size)
        return (resize_image(self.image, new_width, new_height, method=self.upscale_method),)


@node(
    title="ImageScaleToTotalPixels",
    category="image/upscaling",
    module="comfy_extras.nodes_post_processing",
    outputs=(_IMAGE,),
)
class ImageScaleToTotalPixels(Node):
    """Scales pictures to a number of pixels and keeps their proportions."""

    image: Tensor = socket("IMAGE", tooltip="The picture.")
    upscale_method: str = combo(IMAGE_METHODS, tooltip=_METHOD_HELP)
    megapixels: float = number(
        default=1.0, min=0.01, max=16.0, step=0.01, tooltip="Pixels in all; 1 is as many as 1024×1024."
    )

    def run(self, ctx: NodeContext) -> tuple[Tensor]:
        height, width = self.image.shape[1:3]
        new_width, new_height = total_pixels_size(width, height, self.megapixels)
        return (resize_image(self.image, new_width, new_height, method=self.upscale_method),)


@node(
    title="FluxKontextImageScale",
    category="advanced/conditioning/flux",
    module="comfy_extras.nodes_flux",
    outputs=(_IMAGE,),
)
class FluxKontextImageScale(Node):
    """Scales pictures to the nearest of the sizes that Flux Kontext was trained on, and cuts what is too long."""

    image: Tensor = socket("IMAGE", tooltip="The picture.")

    def run(self, ctx: NodeContext) -> tuple[Tensor]:
        height, width = self.image.shape[1:3]
        return (resize_image(self.image, *kontext_size(width, height), method="lanczos", crop="center"),)
