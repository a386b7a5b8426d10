"""Nodes that pass between latents and pictures."""

from typing import Any

from torch import Tensor

from studio_engine.graph.node import Node, Output, integer, node, socket
from studio_engine.graph.sockets import Autoencoder, Latent, NodeContext
from studio_engine.sampling.inpaint import emptied, grown_box, pixel_mask

_LATENTS = (Output("LATENT", tooltip="The latents."),)


def _vae() -> Any:
    return socket("VAE", tooltip="The autoencoder of the checkpoint.")


@node(title="VAE Decode", category="latent", outputs=(Output("IMAGE", tooltip="The pictures."),))
class VAEDecode(Node):
    """Turns latents into pictures."""

    samples: Latent = socket("LATENT", tooltip="The latents to decode.")
    vae: Autoencoder = _vae()

    def run(self, ctx: NodeContext) -> tuple[Tensor]:
        return (self.vae.decode(self.samples.samples, ctx.check_cancelled),)


@node(title="VAE Encode", category="latent", outputs=_LATENTS)
class VAEEncode(Node):
    """Turns pictures into latents, to start from a picture instead of from noise."""

    pixels: Tensor = socket("IMAGE", tooltip="The pictures to encode.")
    vae: Autoencoder = _vae()

    def run(self, ctx: NodeContext) -> tuple[Latent]:
        return (Latent(self.vae.encode(self.pixels, ctx.check_cancelled)),)


@node(title="VAE Encode (for Inpainting)", category="latent/inpaint", outputs=_LATENTS)
class VAEEncodeForInpaint(Node):
    """Turns pictures into latents whose masked part is grey, to be drawn anew at full denoise."""

    pixels: Tensor = socket("IMAGE", tooltip="The pictures to encode.")
    vae: Autoencoder = _vae()
    mask: Tensor = socket("MASK", tooltip="White where the pictures shall be drawn anew.")
    grow_mask_by: int = integer(
        default=6, min=0, max=64, step=1, tooltip="Pixels by which the mask grows, to hide the seam."
    )

    def run(self, ctx: NodeContext) -> tuple[Latent]:
        pixels, mask = pixel_mask(self.pixels, self.mask)
        grown = grown_box(mask, self.grow_mask_by).round()
        return (Latent(self.vae.encode(emptied(pixels, mask), ctx.check_cancelled), mask=grown),)


@node(title="Set Latent Noise Mask", category="latent/inpaint", outputs=_LATENTS)
class SetLatentNoiseMask(Node):
    """Lets only the masked part of latents be drawn anew."""

    samples: Latent = socket("LATENT", tooltip="The latents of the picture.")
    mask: Tensor = socket("MASK", tooltip="White where the picture shall be drawn anew.")

    def run(self, ctx: NodeContext) -> tuple[Latent]:
        mask = self.mask.reshape(-1, 1, *self.mask.shape[-2:])
        return (Latent(self.samples.samples, self.samples.batch_index, mask),)
