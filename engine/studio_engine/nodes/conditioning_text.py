"""Nodes that encode prompts for single families, with what these read besides."""

from dataclasses import replace

from studio_engine.graph.node import Node, Output, combo, integer, node, number, socket, text
from studio_engine.graph.sockets import Conditioning, NodeContext, TextEncoder
from studio_engine.sampling.conditioning import SizeHint

_OUTPUTS = (Output("CONDITIONING", tooltip="The prompt as the model reads it."),)
_SDXL = "comfy_extras.nodes_clip_sdxl"
_MAX_SIDE = 16384


def _side(tooltip: str, default: int = 1024) -> int:
    found: int = integer(default=default, min=0, max=_MAX_SIDE, tooltip=tooltip)
    return found


@node(title="CLIPTextEncodeSDXL", category="advanced/conditioning", outputs=_OUTPUTS, module=_SDXL)
class CLIPTextEncodeSDXL(Node):
    """Encodes a prompt for SDXL, one text per encoder, with the picture sizes that the model was trained to be told."""

    clip: TextEncoder = socket("CLIP", tooltip="The text encoders of an SDXL model.")
    width: int = _side("Width that the training picture is said to have had.")
    height: int = _side("Height that the training picture is said to have had.")
    crop_w: int = _side("Pixels said to be cut off at the left.", 0)
    crop_h: int = _side("Pixels said to be cut off at the top.", 0)
    target_width: int = _side("Width of the picture to make.")
    target_height: int = _side("Height of the picture to make.")
    text_g: str = text(multiline=True, dynamic_prompts=True, tooltip="The prompt for the large encoder.")
    text_l: str = text(multiline=True, dynamic_prompts=True, tooltip="The prompt for the small encoder.")

    def run(self, ctx: NodeContext) -> tuple[Conditioning]:
        size = SizeHint(
            width=self.width,
            height=self.height,
            crop_width=self.crop_w,
            crop_height=self.crop_h,
            target_width=self.target_width,
            target_height=self.target_height,
        )
        conds = self.clip.encode(self.text_g, parts={"g": self.text_g, "l": self.text_l})
        return (tuple(replace(cond, size=size) for cond in conds),)


@node(title="CLIPTextEncodeSDXLRefiner", category="advanced/conditioning", outputs=_OUTPUTS, module=_SDXL)
class CLIPTextEncodeSDXLRefiner(Node):
    """Encodes a prompt for the SDXL refiner, with the beauty and the size that the picture shall have."""

    ascore: float = number(
        default=6.0,
        min=0.0,
        max=1000.0,
        step=0.01,
        tooltip="Aesthetic score: about 6 for what to show, 2.5 for the rest.",
    )
    width: int = _side("Width of the picture.")
    height: int = _side("Height of the picture.")
    text: str = text(multiline=True, dynamic_prompts=True, tooltip="The prompt.")
    clip: TextEncoder = socket("CLIP", tooltip="The text encoder of the refiner.")

    def run(self, ctx: NodeContext) -> tuple[Conditioning]:
        size = SizeHint(width=self.width, height=self.height, aesthetic_score=self.ascore)
        return (tuple(replace(cond, size=size) for cond in self.clip.encode(self.text)),)


@node(title="CLIPTextEncodeSD3", category="advanced/conditioning", outputs=_OUTPUTS, module="comfy_extras.nodes_sd3")
class CLIPTextEncodeSD3(Node):
    """Encodes a prompt for Stable Diffusion 3, one text per encoder."""

    clip: TextEncoder = socket("CLIP", tooltip="The text encoders of an SD3 model.")
    clip_l: str = text(multiline=True, dynamic_prompts=True, tooltip="The prompt for CLIP-L.")
    clip_g: str = text(multiline=True, dynamic_prompts=True, tooltip="The prompt for CLIP-G.")
    t5xxl: str = text(multiline=True, dynamic_prompts=True, tooltip="The prompt for T5, which reads whole sentences.")
    empty_padding: str = combo(
        ("none", "empty_prompt"),
        tooltip="What encoders without a prompt say: nothing, or what an empty one means.",
    )

    def run(self, ctx: NodeContext) -> tuple[Conditioning]:
        parts = {"l": self.clip_l, "g": self.clip_g, "t5xxl": self.t5xxl}
        return (self.clip.encode("", parts=parts, leaves_out_empty=self.empty_padding == "none"),)


@node(
    title="CLIPTextEncodeControlnet",
    category="_for_testing/conditioning",
    outputs=_OUTPUTS,
    module="comfy_extras.nodes_cond",
    is_experimental=True,
)
class CLIPTextEncodeControlnet(Node):
    """Gives the ControlNets of a conditioning a prompt of their own."""

    clip: TextEncoder = socket("CLIP", tooltip="The text encoder.")
    conditioning: Conditioning = socket("CONDITIONING", tooltip="The prompt that the model itself reads.")
    text: str = text(multiline=True, dynamic_prompts=True, tooltip="The prompt that the ControlNets read.")

    def run(self, ctx: NodeContext) -> tuple[Conditioning]:
        (told,) = self.clip.encode(self.text)
        extra = {"cross_attn_controlnet": told.context, "pooled_output_controlnet": told.pooled}
        return (tuple(replace(cond, extra={**cond.extra, **extra}) for cond in self.conditioning),)
