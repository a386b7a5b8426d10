"""Nodes that make empty latents."""

import torch

from studio_engine.graph.node import Node, Output, integer, node
from studio_engine.graph.sockets import Latent, NodeContext
from studio_engine.runtime.memory import check_fits

_CHANNELS = 4
_SD3_CHANNELS = 16
_PIXELS_PER_CELL = 8


@node(title="Empty Latent Image", category="latent", outputs=(Output("LATENT", tooltip="The empty latents."),))
class EmptyLatentImage(Node):
    """Empty latents of a size, to start a picture from nothing but noise."""

    width: int = integer(default=512, min=16, max=16384, step=8, tooltip="Width of the pictures in pixels.")
    height: int = integer(default=512, min=16, max=16384, step=8, tooltip="Height of the pictures in pixels.")
    batch_size: int = integer(default=1, min=1, max=4096, tooltip="Pictures to draw at once.")

    def run(self, ctx: NodeContext) -> tuple[Latent]:
        return (_empty(self.batch_size, _CHANNELS, (self.height, self.width)),)


@node(
    title="EmptySD3LatentImage",
    category="latent/sd3",
    outputs=(Output("LATENT", tooltip="The empty latents."),),
    module="comfy_extras.nodes_sd3",
)
class EmptySD3LatentImage(Node):
    """Empty latents of 16 channels, for Stable Diffusion 3 and Flux."""

    width: int = integer(default=1024, min=16, max=16384, step=16, tooltip="Width of the pictures in pixels.")
    height: int = integer(default=1024, min=16, max=16384, step=16, tooltip="Height of the pictures in pixels.")
    batch_size: int = integer(default=1, min=1, max=4096, tooltip="Pictures to draw at once.")

    def run(self, ctx: NodeContext) -> tuple[Latent]:
        return (_empty(self.batch_size, _SD3_CHANNELS, (self.height, self.width)),)


def _empty(batch: int, channels: int, size: tuple[int, int]) -> Latent:
    height, width = (side // _PIXELS_PER_CELL for side in size)
    shape = (batch, channels, height, width)
    # Sampling holds about ten tensors of this size besides the network's own.
    check_fits(10 * 4 * torch.Size(shape).numel(), torch.device("cpu"))
    return Latent(torch.zeros(shape))
