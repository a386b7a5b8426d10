"""Nodes that put another background behind what a picture shows."""

from torch import Tensor

from studio_engine.graph.node import Node, Output, node, number, socket
from studio_engine.graph.sockets import NodeContext
from studio_engine.imaging.batches import repeat_to, resize_masks, to_rgb
from studio_engine.imaging.masks import blur_mask
from studio_engine.imaging.transform import resize_image

_OWN = "studio_nodes.background"


@node(
    title="Replace Background",
    category="image/background",
    module=_OWN,
    outputs=(Output("IMAGE", tooltip="The picture on the new background."),),
)
class ReplaceBackground(Node):
    """Puts another picture where a mask marks the background; it is cropped and scaled to fit."""

    image: Tensor = socket("IMAGE", tooltip="The picture whose foreground stays.")
    mask: Tensor = socket("MASK", tooltip="1 on the background.")
    background: Tensor = socket("IMAGE", tooltip="What goes behind.")
    softness: float = number(default=0.0, min=0.0, max=100.0, step=0.5, tooltip="Pixels to blur the border by.")

    def run(self, ctx: NodeContext) -> tuple[Tensor]:
        front, behind = to_rgb(self.image), to_rgb(self.background)
        count, height, width = front.shape[:3]
        weight = blur_mask(resize_masks(self.mask, width, height), self.softness)[..., None]
        fitted = resize_image(behind, width, height, method="bilinear", crop="center")
        return (front.lerp(repeat_to(fitted, count), repeat_to(weight, count)),)
