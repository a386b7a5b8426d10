"""Nodes that pass large pictures through an autoencoder in tiles."""

from typing import Any

from torch import Tensor

from studio_engine.graph.node import Node, Output, integer, node, socket
from studio_engine.graph.sockets import Autoencoder, Latent, NodeContext

_CATEGORY = "_for_testing"
_MAX = 4096


def _tile(step: int) -> Any:
    return integer(default=512, min=64, max=_MAX, step=step, tooltip="Side of a tile in pixels; smaller needs less.")


def _overlap() -> Any:
    return integer(default=64, min=0, max=_MAX, step=32, tooltip="Pixels that neighbouring tiles share, to hide seams.")


def _temporal_size() -> Any:
    return integer(default=64, min=8, max=_MAX, step=4, tooltip="Frames in a tile; for video only.")


def _temporal_overlap() -> Any:
    return integer(default=8, min=4, max=_MAX, step=4, tooltip="Shared frames; for video only.")


@node(title="VAE Decode (Tiled)", category=_CATEGORY, outputs=(Output("IMAGE", tooltip="The pictures."),))
class VAEDecodeTiled(Node):
    """Turns latents into pictures tile by tile, for pictures too large for the memory."""

    samples: Latent = socket("LATENT", tooltip="The latents to decode.")
    vae: Autoencoder = socket("VAE", tooltip="The autoencoder of the checkpoint.")
    tile_size: int = _tile(32)
    overlap: int = _overlap()
    temporal_size: int = _temporal_size()
    temporal_overlap: int = _temporal_overlap()

    def run(self, ctx: NodeContext) -> tuple[Tensor]:
        overlap = min(self.overlap, self.tile_size // 4)
        pictures = self.vae.decode_tiled(
            self.samples.samples, tile=self.tile_size, overlap=overlap, on_part=ctx.check_cancelled
        )
        return (pictures,)


@node(title="VAE Encode (Tiled)", category=_CATEGORY, outputs=(Output("LATENT", tooltip="The latents."),))
class VAEEncodeTiled(Node):
    """Turns pictures into latents tile by tile, for pictures too large for the memory."""

    pixels: Tensor = socket("IMAGE", tooltip="The pictures to encode.")
    vae: Autoencoder = socket("VAE", tooltip="The autoencoder of the checkpoint.")
    tile_size: int = _tile(64)
    overlap: int = _overlap()
    temporal_size: int = _temporal_size()
    temporal_overlap: int = _temporal_overlap()

    def run(self, ctx: NodeContext) -> tuple[Latent]:
        overlap = min(self.overlap, self.tile_size // 4)
        samples = self.vae.encode_tiled(self.pixels, tile=self.tile_size, overlap=overlap, on_part=ctx.check_cancelled)
        return (Latent(samples),)
