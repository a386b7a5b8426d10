"""Nodes that make masks and change them."""

import torch
from torch import Tensor

from studio_engine.graph.node import Node, Output, boolean, combo, file_combo, hidden, integer, node, number, socket
from studio_engine.graph.sockets import NodeContext
from studio_engine.imaging import masks
from studio_engine.imaging.batches import as_masks
from studio_engine.runtime.images import decode_mask
from studio_engine.runtime.memory import check_fits

_MASK = Output("MASK", tooltip="The mask.")
_MODULE = "comfy_extras.nodes_mask"
_OWN = "studio_nodes.mask"
_MAX_SIDE = 16384


@node(title="Load Image (as Mask)", category="mask", outputs=(_MASK,))
class LoadImageMask(Node):
    """Reads one channel of an uploaded picture as a mask; from alpha, what is transparent is masked."""

    image: str = file_combo("input", image_upload=True, tooltip="The uploaded file.")
    channel: str = combo(("alpha", "red", "green", "blue"), tooltip="What becomes the mask.")

    def run(self, ctx: NodeContext) -> tuple[Tensor]:
        return (decode_mask(ctx.input_file(self.image), self.channel),)


@node(title="MaskPreview", category="mask", module=_MODULE, is_output=True)
class MaskPreview(Node):
    """Shows a mask with the job without keeping it in the gallery."""

    mask: Tensor = socket("MASK", tooltip="The mask to show.")
    prompt: object = hidden("PROMPT")
    extra_pnginfo: object = hidden("EXTRA_PNGINFO")

    def run(self, ctx: NodeContext) -> tuple[()]:
        ctx.save_image(as_masks(self.mask)[..., None].expand(-1, -1, -1, 3), prefix="mask", is_temporary=True)
        return ()


@node(title="Convert Mask to Image", category="mask", module=_MODULE, outputs=(Output("IMAGE", tooltip="In grey."),))
class MaskToImage(Node):
    """Makes a grey picture of a mask."""

    mask: Tensor = socket("MASK", tooltip="The mask.")

    def run(self, ctx: NodeContext) -> tuple[Tensor]:
        return (as_masks(self.mask)[..., None].expand(-1, -1, -1, 3),)


@node(title="Convert Image to Mask", category="mask", module=_MODULE, outputs=(_MASK,))
class ImageToMask(Node):
    """Makes a mask of one channel of a picture."""

    image: Tensor = socket("IMAGE", tooltip="The picture.")
    channel: str = combo(("red", "green", "blue", "alpha"), tooltip="What becomes the mask.")

    def run(self, ctx: NodeContext) -> tuple[Tensor]:
        return (masks.channel_mask(self.image, self.channel),)


@node(title="ImageColorToMask", category="mask", module=_MODULE, outputs=(_MASK,))
class ImageColorToMask(Node):
    """Masks the pixels of exactly one colour."""

    image: Tensor = socket("IMAGE", tooltip="The picture.")
    color: int = integer(
        default=0, min=0, max=0xFFFFFF, step=1, display="color", tooltip="The colour, as the number 0xRRGGBB."
    )

    def run(self, ctx: NodeContext) -> tuple[Tensor]:
        return (masks.colour_mask(self.image, self.color),)


@node(title="Colour Range to Mask", category="mask", module=_OWN, outputs=(_MASK,))
class ImageColorRangeToMask(Node):
    """Masks the pixels whose colour is near a given one."""

    image: Tensor = socket("IMAGE", tooltip="The picture.")
    color: int = integer(
        default=0, min=0, max=0xFFFFFF, step=1, display="color", tooltip="The colour, as the number 0xRRGGBB."
    )
    tolerance: float = number(default=0.1, min=0.0, max=1.0, step=0.01, tooltip="How far off still counts fully.")
    softness: float = number(default=0.1, min=0.0, max=1.0, step=0.01, tooltip="How far beyond that the mask fades.")

    def run(self, ctx: NodeContext) -> tuple[Tensor]:
        return (masks.colour_range_mask(self.image, self.color, tolerance=self.tolerance, softness=self.softness),)


@node(title="SolidMask", category="mask", module=_MODULE, outputs=(_MASK,))
class SolidMask(Node):
    """A mask of one value."""

    value: float = number(default=1.0, min=0.0, max=1.0, step=0.01, tooltip="1 masks fully, 0 not at all.")
    width: int = integer(default=512, min=1, max=_MAX_SIDE, step=1, tooltip="Width in pixels.")
    height: int = integer(default=512, min=1, max=_MAX_SIDE, step=1, tooltip="Height in pixels.")

    def run(self, ctx: NodeContext) -> tuple[Tensor]:
        check_fits(4 * self.height * self.width, torch.device("cpu"))
        return (torch.full((1, self.height, self.width), self.value),)


@node(title="InvertMask", category="mask", module=_MODULE, outputs=(_MASK,))
class InvertMask(Node):
    """Masks what was not masked."""

    mask: Tensor = socket("MASK", tooltip="The mask.")

    def run(self, ctx: NodeContext) -> tuple[Tensor]:
        return (masks.invert(self.mask),)


@node(title="CropMask", category="mask", module=_MODULE, outputs=(_MASK,))
class CropMask(Node):
    """Cuts a part out of a mask."""

    mask: Tensor = socket("MASK", tooltip="The mask.")
    x: int = integer(default=0, min=0, max=_MAX_SIDE, step=1, tooltip="Pixels left of the part.")
    y: int = integer(default=0, min=0, max=_MAX_SIDE, step=1, tooltip="Pixels above the part.")
    width: int = integer(default=512, min=1, max=_MAX_SIDE, step=1, tooltip="Width of the part.")
    height: int = integer(default=512, min=1, max=_MAX_SIDE, step=1, tooltip="Height of the part.")

    def run(self, ctx: NodeContext) -> tuple[Tensor]:
        return (masks.crop_mask(self.mask, x=self.x, y=self.y, size=(self.width, self.height)),)


@node(title="MaskComposite", category="mask", module=_MODULE, outputs=(_MASK,))
class MaskComposite(Node):
    """Combines a mask with a part of another one."""

    destination: Tensor = socket("MASK", tooltip="The mask below.")
    source: Tensor = socket("MASK", tooltip="The mask to lay on it.")
    x: int = integer(default=0, min=0, max=_MAX_SIDE, step=1, tooltip="Pixels from the left.")
    y: int = integer(default=0, min=0, max=_MAX_SIDE, step=1, tooltip="Pixels from the top.")
    operation: masks.MaskOperation = combo(masks.MASK_OPERATIONS, tooltip="How two values become one.")

    def run(self, ctx: NodeContext) -> tuple[Tensor]:
        return (masks.combine(self.destination, self.source, x=self.x, y=self.y, operation=self.operation),)


@node(title="FeatherMask", category="mask", module=_MODULE, outputs=(_MASK,))
class FeatherMask(Node):
    """Fades a mask out towards its edges."""

    mask: Tensor = socket("MASK", tooltip="The mask.")
    left: int = integer(default=0, min=0, max=_MAX_SIDE, step=1, tooltip="Pixels to fade over at the left.")
    top: int = integer(default=0, min=0, max=_MAX_SIDE, step=1, tooltip="Pixels to fade over at the top.")
    right: int = integer(default=0, min=0, max=_MAX_SIDE, step=1, tooltip="Pixels to fade over at the right.")
    bottom: int = integer(default=0, min=0, max=_MAX_SIDE, step=1, tooltip="Pixels to fade over at the bottom.")

    def run(self, ctx: NodeContext) -> tuple[Tensor]:
        return (masks.feather(self.mask, (self.left, self.top, self.right, self.bottom)),)


@node(title="GrowMask", category="mask", module=_MODULE, outputs=(_MASK,))
class GrowMask(Node):
    """Grows a mask, or shrinks it."""

    mask: Tensor = socket("MASK", tooltip="The mask.")
    expand: int = integer(
        default=0, min=-_MAX_SIDE, max=_MAX_SIDE, step=1, tooltip="Pixels to grow by; below 0 shrinks."
    )
    tapered_corners: bool = boolean(default=True, tooltip="Grow less across corners.")

    def run(self, ctx: NodeContext) -> tuple[Tensor]:
        return (masks.grow(self.mask, self.expand, tapered_corners=self.tapered_corners),)


@node(title="ThresholdMask", category="mask", module=_MODULE, outputs=(_MASK,))
class ThresholdMask(Node):
    """Makes a mask hard: 1 above a value, 0 elsewhere."""

    mask: Tensor = socket("MASK", tooltip="The mask.")
    value: float = number(default=0.5, min=0.0, max=1.0, step=0.01, tooltip="What is above becomes 1.")

    def run(self, ctx: NodeContext) -> tuple[Tensor]:
        return (masks.threshold(self.mask, self.value),)


@node(title="Blur Mask", category="mask", module=_OWN, outputs=(_MASK,))
class BlurMask(Node):
    """Makes the edges of a mask soft."""

    mask: Tensor = socket("MASK", tooltip="The mask.")
    sigma: float = number(default=4.0, min=0.0, max=256.0, step=0.1, tooltip="How soft, in pixels.")

    def run(self, ctx: NodeContext) -> tuple[Tensor]:
        return (masks.blur_mask(self.mask, self.sigma),)
