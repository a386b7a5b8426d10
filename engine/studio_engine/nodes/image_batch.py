"""Nodes that make batches of pictures and take them apart."""

import torch
from torch import Tensor
from torch.nn.functional import pad

from studio_engine.graph.node import Node, Output, hidden, integer, node, socket
from studio_engine.graph.sockets import NodeContext
from studio_engine.imaging.transform import resize_image
from studio_engine.runtime.memory import check_fits

_IMAGES = Output("IMAGE", tooltip="The pictures.")
_MAX_SIDE = 16384
_MAX_BATCH = 4096


@node(title="EmptyImage", category="image", outputs=(_IMAGES,))
class EmptyImage(Node):
    """Pictures of one colour."""

    width: int = integer(default=512, min=1, max=_MAX_SIDE, step=1, tooltip="Width in pixels.")
    height: int = integer(default=512, min=1, max=_MAX_SIDE, step=1, tooltip="Height in pixels.")
    batch_size: int = integer(default=1, min=1, max=_MAX_BATCH, tooltip="How many pictures.")
    color: int = integer(
        default=0, min=0, max=0xFFFFFF, step=1, display="color", tooltip="The colour, as the number 0xRRGGBB."
    )

    def run(self, ctx: NodeContext) -> tuple[Tensor]:
        check_fits(4 * 3 * self.batch_size * self.height * self.width, torch.device("cpu"))
        channels = [(self.color >> shift & 0xFF) / 0xFF for shift in (16, 8, 0)]
        return (torch.tensor(channels).repeat(self.batch_size, self.height, self.width, 1),)


@node(title="Batch Images", category="image", outputs=(_IMAGES,))
class ImageBatch(Node):
    """Puts pictures into one batch; the second are cropped and scaled to the size of the first."""

    image1: Tensor = socket("IMAGE", tooltip="The first pictures; they set the size.")
    image2: Tensor = socket("IMAGE", tooltip="The pictures that follow.")

    def run(self, ctx: NodeContext) -> tuple[Tensor]:
        channels = max(self.image1.shape[-1], self.image2.shape[-1])
        first, second = (pad(each, (0, channels - each.shape[-1]), value=1.0) for each in (self.image1, self.image2))
        height, width = first.shape[1:3]
        if second.shape[1:3] != first.shape[1:3]:
            second = resize_image(second, width, height, method="bilinear", crop="center")
        return (torch.cat([first, second]),)


@node(title="RepeatImageBatch", category="image/batch", module="comfy_extras.nodes_images", outputs=(_IMAGES,))
class RepeatImageBatch(Node):
    """Repeats a batch of pictures."""

    image: Tensor = socket("IMAGE", tooltip="The pictures to repeat.")
    amount: int = integer(default=1, min=1, max=_MAX_BATCH, tooltip="How often they stand in the result.")

    def run(self, ctx: NodeContext) -> tuple[Tensor]:
        check_fits(4 * self.image.numel() * self.amount, self.image.device)
        return (self.image.repeat(self.amount, 1, 1, 1),)


@node(title="ImageFromBatch", category="image/batch", module="comfy_extras.nodes_images", outputs=(_IMAGES,))
class ImageFromBatch(Node):
    """Takes some pictures out of a batch; what lies beyond its end is left out, but at least one is taken."""

    image: Tensor = socket("IMAGE", tooltip="The batch.")
    batch_index: int = integer(default=0, min=0, max=4095, tooltip="The first picture to take, counted from 0.")
    length: int = integer(default=1, min=1, max=_MAX_BATCH, tooltip="How many to take.")

    def run(self, ctx: NodeContext) -> tuple[Tensor]:
        start = min(self.image.shape[0] - 1, self.batch_index)
        return (self.image[start : start + self.length].clone(),)


@node(
    title="Rebatch Images",
    category="image/batch",
    module="comfy_extras.nodes_rebatch",
    outputs=(Output("IMAGE", is_list=True, tooltip="Batches of that many pictures; the last may have fewer."),),
    takes_lists=True,
)
class RebatchImages(Node):
    """Deals pictures out into batches of another size, which run one after the other."""

    images: list[Tensor] = socket("IMAGE", tooltip="The pictures.")
    batch_size: list[int] = integer(default=1, min=1, max=_MAX_BATCH, tooltip="Pictures in a batch.")

    def run(self, ctx: NodeContext) -> tuple[list[Tensor]]:
        single = [picture[None] for batch in self.images for picture in batch]
        size = self.batch_size[0]
        return ([torch.cat(single[start : start + size]) for start in range(0, len(single), size)],)


@node(
    title="Get Image Size",
    category="image",
    module="comfy_extras.nodes_images",
    outputs=(
        Output("INT", "width", tooltip="Pixels across."),
        Output("INT", "height", tooltip="Pixels down."),
        Output("INT", "batch_size", tooltip="How many pictures."),
    ),
)
class GetImageSize(Node):
    """Tells the size of pictures and how many there are."""

    image: Tensor = socket("IMAGE", tooltip="The pictures to measure.")
    unique_id: str = hidden("UNIQUE_ID")

    def run(self, ctx: NodeContext) -> tuple[int, int, int]:
        count, height, width = self.image.shape[:3]
        return width, height, count
