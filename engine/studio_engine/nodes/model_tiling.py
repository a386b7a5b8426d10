"""A node of this studio's own: pictures larger than a model can see at once."""

from dataclasses import replace

from studio_engine.errors import EngineError
from studio_engine.graph.node import Node, Output, integer, node
from studio_engine.graph.sockets import Model, NodeContext
from studio_engine.nodes.model_inputs import model_to_change
from studio_engine.sampling.tiled import TiledAsk


@node(
    title="Tiled Diffusion",
    category="model_patches/unet",
    outputs=(Output("MODEL", tooltip="The changed model."),),
    module="studio_engine.nodes.model_tiling",
)
class TiledDiffusion(Node):
    """Draws large pictures in overlapping tiles at every step, for upscaling with little memory and sharp detail."""

    model: Model = model_to_change()
    tile_size: int = integer(
        default=512,
        min=64,
        max=4096,
        step=64,
        tooltip="Side of a tile in pixels: what the model was made for.",
    )
    overlap: int = integer(
        default=64, min=0, max=2048, step=8, tooltip="Pixels that neighbouring tiles share; more hides seams better."
    )

    def run(self, ctx: NodeContext) -> tuple[Model]:
        cells = self.model.latent.cells
        if self.overlap * 2 > self.tile_size:
            raise EngineError("engine.node_failed", "Tiles overlap by more than half of their side; lower overlap.")
        ask = TiledAsk(tile=self.tile_size // cells, overlap=self.overlap // cells)
        return (self.model.with_guidance(replace(self.model.guidance, ask=ask)),)
