"""Nodes that lay pictures over one another."""

import torch
from torch import Tensor

from studio_engine.graph.node import Node, Output, boolean, combo, integer, node, socket
from studio_engine.graph.sockets import NodeContext
from studio_engine.imaging.batches import match_alpha, resize_masks
from studio_engine.imaging.composite import PORTER_DUFF, paste, porter_duff
from studio_engine.imaging.transform import resize_image

_MODULE = "comfy_extras.nodes_compositing"
_MASK = Output("MASK", tooltip="1 where the result is transparent.")
_MAX_SIDE = 16384


@node(
    title="ImageCompositeMasked",
    category="image",
    module="comfy_extras.nodes_mask",
    outputs=(Output("IMAGE", tooltip="The destination with the source on it."),),
)
class ImageCompositeMasked(Node):
    """Lays a picture over another one, where a mask allows it."""

    destination: Tensor = socket("IMAGE", tooltip="The picture below.")
    source: Tensor = socket("IMAGE", tooltip="The picture above.")
    x: int = integer(default=0, min=0, max=_MAX_SIDE, step=1, tooltip="Pixels from the left.")
    y: int = integer(default=0, min=0, max=_MAX_SIDE, step=1, tooltip="Pixels from the top.")
    resize_source: bool = boolean(default=False, tooltip="Stretch the source to the destination's size first.")
    mask: Tensor | None = socket("MASK", optional=True, tooltip="Where the source shows; it is stretched to it.")

    def run(self, ctx: NodeContext) -> tuple[Tensor]:
        below, above = match_alpha(self.destination, self.source)
        if self.resize_source:
            above = resize_image(above, below.shape[2], below.shape[1], method="bilinear")
        pasted = paste(below.movedim(-1, 1), above.movedim(-1, 1), x=self.x, y=self.y, mask=self.mask)
        return (pasted.movedim(1, -1),)


@node(
    title="Porter-Duff Image Composite",
    category="mask/compositing",
    module=_MODULE,
    outputs=(Output("IMAGE", tooltip="Both pictures as one."), _MASK),
)
class PorterDuffImageComposite(Node):
    """Lays a picture with transparency over another one by a chosen rule; the destination sets the size."""

    source: Tensor = socket("IMAGE", tooltip="The picture above.")
    source_alpha: Tensor = socket("MASK", tooltip="1 where it is transparent.")
    destination: Tensor = socket("IMAGE", tooltip="The picture below.")
    destination_alpha: Tensor = socket("MASK", tooltip="1 where it is transparent.")
    mode: str = combo(tuple(PORTER_DUFF), default="DST", tooltip="The rule; SRC_OVER is what people mean by over.")

    def run(self, ctx: NodeContext) -> tuple[Tensor, Tensor]:
        given = (self.source, self.source_alpha, self.destination, self.destination_alpha)
        count = min(len(each) for each in given)
        below, above = match_alpha(self.destination[:count], self.source[:count])
        height, width = below.shape[1:3]
        above = _fitted(above, width, height)
        above_clear = _fitted(self.source_alpha[:count, ..., None], width, height)
        below_clear = _fitted(self.destination_alpha[:count, ..., None], width, height)
        colour, clear = porter_duff((above, above_clear), (below, below_clear), self.mode)
        return colour, clear[..., 0]


def _fitted(image: Tensor, width: int, height: int) -> Tensor:
    if image.shape[1:3] == (height, width):
        return image
    return resize_image(image, width, height, method="bicubic", crop="center")


@node(
    title="Split Image with Alpha",
    category="mask/compositing",
    module=_MODULE,
    outputs=(Output("IMAGE", tooltip="The colours."), _MASK),
)
class SplitImageWithAlpha(Node):
    """Takes the transparency of a picture apart from its colours."""

    image: Tensor = socket("IMAGE", tooltip="The picture, with or without transparency.")

    def run(self, ctx: NodeContext) -> tuple[Tensor, Tensor]:
        alpha = self.image[..., 3] if self.image.shape[-1] > 3 else torch.ones_like(self.image[..., 0])
        return self.image[..., :3], 1.0 - alpha


@node(
    title="Join Image with Alpha",
    category="mask/compositing",
    module=_MODULE,
    outputs=(Output("IMAGE", tooltip="The picture with transparency."),),
)
class JoinImageWithAlpha(Node):
    """Gives a picture transparency."""

    image: Tensor = socket("IMAGE", tooltip="The colours.")
    alpha: Tensor = socket("MASK", tooltip="1 where the picture shall be transparent; it is stretched to it.")

    def run(self, ctx: NodeContext) -> tuple[Tensor]:
        count = min(len(self.image), len(self.alpha))
        height, width = self.image.shape[1:3]
        opaque = 1.0 - resize_masks(self.alpha[:count], width, height)
        return (torch.cat([self.image[:count, ..., :3], opaque[..., None]], dim=-1),)
