"""Nodes that enlarge pictures with a network made for it."""

from torch import Tensor

from studio_engine.graph.node import Node, Output, file_combo, node, socket
from studio_engine.graph.sockets import NodeContext
from studio_engine.imaging.batches import to_rgb
from studio_engine.models.upscalers.handle import Upscaler, open_upscaler

_MODULE = "comfy_extras.nodes_upscale_model"


@node(
    title="Load Upscale Model",
    category="loaders",
    module=_MODULE,
    outputs=(Output("UPSCALE_MODEL", tooltip="The upscaler."),),
)
class UpscaleModelLoader(Node):
    """Loads an upscaler: an ESRGAN, Real-ESRGAN, BSRGAN or compact model."""

    model_name: str = file_combo("upscale_models", tooltip="The file of the upscaler.")

    def run(self, ctx: NodeContext) -> tuple[Upscaler]:
        return (open_upscaler(ctx.models, ctx.models.find("upscale_model", self.model_name)),)


@node(
    title="Upscale Image (using Model)",
    category="image/upscaling",
    module=_MODULE,
    outputs=(Output("IMAGE", tooltip="The enlarged picture."),),
)
class ImageUpscaleWithModel(Node):
    """Enlarges pictures by the factor that the upscaler was made for."""

    upscale_model: Upscaler = socket("UPSCALE_MODEL", tooltip="The upscaler.")
    image: Tensor = socket("IMAGE", tooltip="The picture to enlarge.")

    def run(self, ctx: NodeContext) -> tuple[Tensor]:
        return (self.upscale_model.enlarge(to_rgb(self.image), ctx.progress),)
