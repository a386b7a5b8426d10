"""Nodes that make of a picture what a ControlNet takes as its hint. None needs weights."""

from torch import Tensor

from studio_engine.graph.node import Node, Output, integer, node, number, socket
from studio_engine.graph.sockets import NodeContext
from studio_engine.imaging import edges
from studio_engine.imaging.batches import to_rgb
from studio_engine.imaging.normals import normals_from_depth
from studio_engine.imaging.resize import resize

_CATEGORY = "image/preprocessors"
_OWN = "studio_nodes.preprocessors"
_DRAWING = Output("IMAGE", tooltip="White lines on black.")


def _as_image(lines: Tensor) -> Tensor:
    """`[batch, 1, h, w]` as a grey picture."""
    return lines.expand(-1, 3, -1, -1).movedim(1, -1)


@node(title="Canny", category=_CATEGORY, module="comfy_extras.nodes_canny", outputs=(_DRAWING,))
class Canny(Node):
    """Draws the edges in a picture, one pixel wide."""

    image: Tensor = socket("IMAGE", tooltip="The picture.")
    low_threshold: float = number(
        default=0.4, min=0.01, max=0.99, step=0.01, tooltip="Edges weaker than this are left out."
    )
    high_threshold: float = number(
        default=0.8, min=0.01, max=0.99, step=0.01, tooltip="Edges stronger than this stay, and what hangs on them."
    )

    def run(self, ctx: NodeContext) -> tuple[Tensor]:
        return (_as_image(edges.canny(self.image.movedim(-1, 1), self.low_threshold, self.high_threshold)),)


@node(title="Line Art", category=_CATEGORY, module=_OWN, outputs=(_DRAWING,))
class LineArtPreprocessor(Node):
    """Draws the lines of a picture as soft strokes, for lineart ControlNets."""

    image: Tensor = socket("IMAGE", tooltip="The picture.")
    line_width: float = number(default=1.4, min=0.3, max=20.0, step=0.1, tooltip="Width of the strokes in pixels.")
    detail: float = number(default=0.6, min=0.0, max=1.0, step=0.01, tooltip="How faint a line may be.")

    def run(self, ctx: NodeContext) -> tuple[Tensor]:
        samples = self.image.movedim(-1, 1)
        return (_as_image(edges.line_drawing(samples, width=self.line_width, detail=self.detail)),)


@node(title="Scribble", category=_CATEGORY, module=_OWN, outputs=(_DRAWING,))
class ScribblePreprocessor(Node):
    """Draws the main outlines of a picture with a thick pen, for scribble ControlNets."""

    image: Tensor = socket("IMAGE", tooltip="The picture.")
    smoothing: float = number(
        default=3.0, min=0.0, max=50.0, step=0.1, tooltip="Pixels to smooth over first: more leaves fewer lines."
    )
    thickness: int = integer(default=2, min=0, max=50, step=1, tooltip="Pixels to thicken each line by.")

    def run(self, ctx: NodeContext) -> tuple[Tensor]:
        samples = self.image.movedim(-1, 1)
        return (_as_image(edges.scribble(samples, width=self.smoothing, thickness=self.thickness)),)


@node(
    title="Normals from Depth",
    category=_CATEGORY,
    module=_OWN,
    outputs=(Output("IMAGE", tooltip="Normals as colours."),),
)
class NormalFromDepthPreprocessor(Node):
    """Turns a depth picture into surface normals, for normal-map ControlNets."""

    depth: Tensor = socket("IMAGE", tooltip="A depth picture, white where near.")
    strength: float = number(default=4.0, min=0.1, max=100.0, step=0.1, tooltip="How steep slopes look.")

    def run(self, ctx: NodeContext) -> tuple[Tensor]:
        return (normals_from_depth(self.depth.movedim(-1, 1), self.strength).movedim(1, -1),)


@node(title="Tile", category=_CATEGORY, module=_OWN, outputs=(Output("IMAGE", tooltip="The picture without detail."),))
class TilePreprocessor(Node):
    """Takes the detail out of a picture, for tile ControlNets to put new detail in."""

    image: Tensor = socket("IMAGE", tooltip="The picture.")
    factor: float = number(default=4.0, min=1.0, max=64.0, step=0.5, tooltip="How many times coarser it becomes.")

    def run(self, ctx: NodeContext) -> tuple[Tensor]:
        samples = to_rgb(self.image).movedim(-1, 1)
        height, width = samples.shape[-2:]
        small = resize(samples, max(1, round(width / self.factor)), max(1, round(height / self.factor)), method="area")
        return (resize(small, width, height, method="bicubic").clamp(0, 1).movedim(1, -1),)
