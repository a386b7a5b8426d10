"""Nodes that make latents, and pass between latents and pictures."""

import torch
from torch import Tensor

from studio_engine.graph.node import Node, Output, integer, node, socket
from studio_engine.graph.sockets import Autoencoder, Latent, NodeContext
from studio_engine.runtime.memory import check_fits

_CHANNELS = 4
_PIXELS_PER_CELL = 8


@node(title="Empty Latent Image", category="latent", outputs=(Output("LATENT", tooltip="The empty latents."),))
class EmptyLatentImage(Node):
    """Empty latents of a size, to start a picture from nothing but noise."""

    width: int = integer(default=512, min=16, max=16384, step=8, tooltip="Width of the pictures in pixels.")
    height: int = integer(default=512, min=16, max=16384, step=8, tooltip="Height of the pictures in pixels.")
    batch_size: int = integer(default=1, min=1, max=4096, tooltip="Pictures to draw at once.")

    def run(self, ctx: NodeContext) -> tuple[Latent]:
        shape = (self.batch_size, _CHANNELS, self.height // _PIXELS_PER_CELL, self.width // _PIXELS_PER_CELL)
        # Sampling holds about ten tensors of this size besides the network's own.
        check_fits(10 * 4 * torch.Size(shape).numel(), torch.device("cpu"))
        return (Latent(torch.zeros(shape)),)


@node(title="VAE Decode", category="latent", outputs=(Output("IMAGE", tooltip="The pictures."),))
class VAEDecode(Node):
    """Turns latents into pictures."""

    samples: Latent = socket("LATENT", tooltip="The latents to decode.")
    vae: Autoencoder = socket("VAE", tooltip="The autoencoder of the checkpoint.")

    def run(self, ctx: NodeContext) -> tuple[Tensor]:
        return (self.vae.decode(self.samples.samples),)


@node(title="VAE Encode", category="latent", outputs=(Output("LATENT", tooltip="The latents."),))
class VAEEncode(Node):
    """Turns pictures into latents, to start from a picture instead of from noise."""

    pixels: Tensor = socket("IMAGE", tooltip="The pictures to encode.")
    vae: Autoencoder = socket("VAE", tooltip="The autoencoder of the checkpoint.")

    def run(self, ctx: NodeContext) -> tuple[Latent]:
        return (Latent(self.vae.encode(self.pixels)),)
