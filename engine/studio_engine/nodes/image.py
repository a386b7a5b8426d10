"""Nodes that read and hand out pictures."""

from torch import Tensor

from studio_engine.graph.node import Node, Output, file_combo, hidden, node, socket, text
from studio_engine.graph.sockets import NodeContext
from studio_engine.runtime.images import decode_image


@node(
    title="Load Image",
    category="image",
    outputs=(Output("IMAGE", tooltip="The picture."), Output("MASK", tooltip="1 where the picture is transparent.")),
)
class LoadImage(Node):
    """Reads an uploaded picture, upright, and its transparency as a mask."""

    image: str = file_combo("input", image_upload=True, tooltip="The uploaded file.")

    def run(self, ctx: NodeContext) -> tuple[Tensor, Tensor]:
        return decode_image(ctx.input_file(self.image))


@node(title="Save Image", category="image", is_output=True)
class SaveImage(Node):
    """Keeps pictures in the gallery."""

    images: Tensor = socket("IMAGE", tooltip="The pictures to keep.")
    filename_prefix: str = text(default="ComfyUI", tooltip="Begin of the file names.")
    prompt: object = hidden("PROMPT")
    extra_pnginfo: object = hidden("EXTRA_PNGINFO")

    def run(self, ctx: NodeContext) -> tuple[()]:
        ctx.save_image(self.images, prefix=self.filename_prefix)
        return ()


@node(title="Preview Image", category="image", is_output=True)
class PreviewImage(Node):
    """Shows pictures with the job without keeping them in the gallery."""

    images: Tensor = socket("IMAGE", tooltip="The pictures to show.")
    prompt: object = hidden("PROMPT")
    extra_pnginfo: object = hidden("EXTRA_PNGINFO")

    def run(self, ctx: NodeContext) -> tuple[()]:
        ctx.save_image(self.images, prefix="preview", is_temporary=True)
        return ()
