"""Nodes that read and hand out pictures."""

from collections.abc import Mapping

from torch import Tensor

from studio_engine.graph.node import (
    Node,
    Output,
    boolean,
    combo,
    file_combo,
    hidden,
    integer,
    node,
    number,
    socket,
    text,
)
from studio_engine.graph.sockets import NodeContext
from studio_engine.runtime.images import decode_image, encode_animated_png, encode_animated_webp

_IMAGE = Output("IMAGE", tooltip="The picture, or each frame of an animation.")
_MASK = Output("MASK", tooltip="1 where the picture is transparent.")
_WEBP_EFFORT = {"default": 4, "fastest": 0, "slowest": 6}


@node(title="Load Image", category="image", outputs=(_IMAGE, _MASK))
class LoadImage(Node):
    """Reads an uploaded picture, upright, and its transparency as a mask."""

    image: str = file_combo("input", image_upload=True, tooltip="The uploaded file.")

    def run(self, ctx: NodeContext) -> tuple[Tensor, Tensor]:
        return decode_image(ctx.input_file(self.image))


@node(title="Load Image (from Outputs)", category="image", is_experimental=True, outputs=(_IMAGE, _MASK))
class LoadImageOutput(Node):
    """Reads a picture that was drawn before, and its transparency as a mask."""

    image: str = file_combo(
        "input",
        image_upload=True,
        image_folder="output",
        remote={
            "route": "/internal/files/output",
            "refresh_button": True,
            "control_after_refresh": "first",
        },
        tooltip="The picture from the gallery.",
    )

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


@node(title="SaveImageWebsocket", category="api/image", is_output=True, module="custom_nodes.websocket_image_save")
class SaveImageWebsocket(Node):
    """Sends pictures to the client that asked for them without keeping them in the gallery."""

    images: Tensor = socket("IMAGE", tooltip="The pictures to send.")

    def run(self, ctx: NodeContext) -> tuple[()]:
        ctx.save_image(self.images, prefix="websocket", is_temporary=True)
        return ()


@node(title="SaveAnimatedPNG", category="image/animation", is_output=True, module="comfy_extras.nodes_images")
class SaveAnimatedPNG(Node):
    """Keeps a batch of pictures as one animated PNG in the gallery."""

    images: Tensor = socket("IMAGE", tooltip="The frames.")
    filename_prefix: str = text(default="ComfyUI", tooltip="Begin of the file name.")
    fps: float = number(default=6.0, min=0.01, max=1000.0, step=0.01, tooltip="Frames per second.")
    compress_level: int = integer(default=4, min=0, max=9, tooltip="Higher takes longer and makes a smaller file.")
    prompt: object = hidden("PROMPT")
    extra_pnginfo: object = hidden("EXTRA_PNGINFO")

    def run(self, ctx: NodeContext) -> tuple[()]:
        texts = _texts(self.prompt, self.extra_pnginfo)
        data = encode_animated_png(self.images, texts, fps=self.fps, compression=self.compress_level)
        ctx.save_file(data, content_type="image/png", size=_size(self.images))
        return ()


@node(title="SaveAnimatedWEBP", category="image/animation", is_output=True, module="comfy_extras.nodes_images")
class SaveAnimatedWEBP(Node):
    """Keeps a batch of pictures as one animated WebP in the gallery."""

    images: Tensor = socket("IMAGE", tooltip="The frames.")
    filename_prefix: str = text(default="ComfyUI", tooltip="Begin of the file name.")
    fps: float = number(default=6.0, min=0.01, max=1000.0, step=0.01, tooltip="Frames per second.")
    lossless: bool = boolean(default=True, tooltip="Keep each pixel exactly.")
    quality: int = integer(default=80, min=0, max=100, tooltip="Lower makes a smaller file; lossless, a faster one.")
    method: str = combo(tuple(_WEBP_EFFORT), tooltip="Slower makes a smaller file.")
    prompt: object = hidden("PROMPT")
    extra_pnginfo: object = hidden("EXTRA_PNGINFO")

    def run(self, ctx: NodeContext) -> tuple[()]:
        data = encode_animated_webp(
            self.images,
            _texts(self.prompt, self.extra_pnginfo),
            fps=self.fps,
            is_lossless=self.lossless,
            quality=self.quality,
            effort=_WEBP_EFFORT[self.method],
        )
        ctx.save_file(data, content_type="image/webp", size=_size(self.images))
        return ()


def _texts(prompt: object, extra: object) -> dict[str, object]:
    """What travels with a picture: the graph, and what the client sent along."""
    further = {str(key): value for key, value in extra.items()} if isinstance(extra, Mapping) else {}
    return {**({} if prompt is None else {"prompt": prompt}), **further}


def _size(images: Tensor) -> tuple[int, int]:
    return images.shape[2], images.shape[1]
