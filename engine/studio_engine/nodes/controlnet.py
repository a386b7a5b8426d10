"""Nodes that let pictures steer a model: ControlNets and T2I-Adapters."""

from typing import Any

from torch import Tensor

from studio_engine.graph.node import Node, Output, combo, file_combo, node, number, socket
from studio_engine.graph.sockets import Autoencoder, Conditioning, Model, NodeContext
from studio_engine.models.control.net import UnetControlNet
from studio_engine.models.control.open import open_control_net
from studio_engine.models.control.use import Steering
from studio_engine.sampling.conditioning import ControlNet, UnboundControl

_NET = Output("CONTROL_NET", tooltip="Steers a model by a picture.")
_POSITIVE = Output("CONDITIONING", "positive", tooltip="The positive prompt with the picture.")
_NEGATIVE = Output("CONDITIONING", "negative", tooltip="The negative prompt with the picture.")
# The place of a kind is its number in the net.
_KINDS = (
    "openpose",
    "depth",
    "hed/pidi/scribble/ted",
    "canny/lineart/anime_lineart/mlsd",
    "normal",
    "segment",
    "tile",
    "repaint",
)


def _strength() -> Any:
    return number(default=1.0, min=0.0, max=10.0, step=0.01, tooltip="How strongly the picture steers.")


def _share(default: float, tooltip: str) -> Any:
    return number(default=default, min=0.0, max=1.0, step=0.001, tooltip=tooltip)


@node(title="Load ControlNet Model", category="loaders", outputs=(_NET,))
class ControlNetLoader(Node):
    """Loads a ControlNet or a T2I-Adapter, which steers a model by a picture: edges, depth, a pose."""

    control_net_name: str = file_combo("controlnet", tooltip="The ControlNet file.")

    def run(self, ctx: NodeContext) -> tuple[ControlNet | UnboundControl]:
        return (open_control_net(ctx.models, ctx.models.find("controlnet", self.control_net_name)),)


@node(title="Load ControlNet Model (diff)", category="loaders", outputs=(_NET,))
class DiffControlNetLoader(Node):
    """Loads a ControlNet whose file holds what differs from the model that it belongs to."""

    model: Model = socket("MODEL", tooltip="The model that the differences are added to.")
    control_net_name: str = file_combo("controlnet", tooltip="The ControlNet file.")

    def run(self, ctx: NodeContext) -> tuple[ControlNet | UnboundControl]:
        return (open_control_net(ctx.models, ctx.models.find("controlnet", self.control_net_name), self.model),)


@node(
    title="Apply ControlNet (OLD)",
    category="conditioning/controlnet",
    outputs=(Output("CONDITIONING", tooltip="The prompt with the picture."),),
    is_deprecated=True,
)
class ControlNetApply(Node):
    """Lets a picture steer what a prompt draws, and the negative prompt with it. Several can follow one another."""

    conditioning: Conditioning = socket("CONDITIONING", tooltip="The prompt.")
    control_net: ControlNet = socket("CONTROL_NET", tooltip="The net that reads the picture.")
    image: Tensor = socket("IMAGE", tooltip="The picture that steers, as the net wants it: edges, depth, a pose.")
    strength: float = _strength()

    def run(self, ctx: NodeContext) -> tuple[Conditioning, ...]:
        return Steering(self.control_net, self.image, self.strength).added_to(self.conditioning, is_for_all=True)


@node(title="Apply ControlNet", category="conditioning/controlnet", outputs=(_POSITIVE, _NEGATIVE))
class ControlNetApplyAdvanced(Node):
    """Lets a picture steer what both prompts draw, in a part of the steps. Several can follow one another."""

    positive: Conditioning = socket("CONDITIONING", tooltip="What the picture shall show.")
    negative: Conditioning = socket("CONDITIONING", tooltip="What the picture shall not show.")
    control_net: ControlNet = socket("CONTROL_NET", tooltip="The net that reads the picture.")
    image: Tensor = socket("IMAGE", tooltip="The picture that steers, as the net wants it: edges, depth, a pose.")
    strength: float = _strength()
    start_percent: float = _share(0.0, "From which share of the steps on it steers.")
    end_percent: float = _share(1.0, "Up to which share of the steps it steers.")
    vae: Autoencoder | None = socket("VAE", tooltip="Needed by nets that read latents.", optional=True)

    def run(self, ctx: NodeContext) -> tuple[Conditioning, ...]:
        return Steering(
            self.control_net,
            self.image,
            self.strength,
            self.start_percent,
            self.end_percent,
            {} if self.vae is None else {"vae": self.vae},
        ).added_to(self.positive, self.negative)


@node(
    title="Apply Controlnet with VAE",
    category="conditioning/controlnet",
    outputs=(_POSITIVE, _NEGATIVE),
    module="comfy_extras.nodes_sd3",
    is_deprecated=True,
)
class ControlNetApplySD3(Node):
    """Lets a picture steer what both prompts draw; as Apply ControlNet, with the VAE always given."""

    positive: Conditioning = socket("CONDITIONING", tooltip="What the picture shall show.")
    negative: Conditioning = socket("CONDITIONING", tooltip="What the picture shall not show.")
    control_net: ControlNet = socket("CONTROL_NET", tooltip="The net that reads the picture.")
    vae: Autoencoder = socket("VAE", tooltip="Turns the picture into latents for nets that read those.")
    image: Tensor = socket("IMAGE", tooltip="The picture that steers, as the net wants it: edges, depth, a pose.")
    strength: float = _strength()
    start_percent: float = _share(0.0, "From which share of the steps on it steers.")
    end_percent: float = _share(1.0, "Up to which share of the steps it steers.")

    def run(self, ctx: NodeContext) -> tuple[Conditioning, ...]:
        return Steering(
            self.control_net, self.image, self.strength, self.start_percent, self.end_percent, {"vae": self.vae}
        ).added_to(self.positive, self.negative)


@node(
    title="SetUnionControlNetType",
    category="conditioning/controlnet",
    outputs=(_NET,),
    module="comfy_extras.nodes_controlnet",
)
class SetUnionControlNetType(Node):
    """Tells a union ControlNet which kind of picture it will read. Other nets stay as they are."""

    control_net: ControlNet = socket("CONTROL_NET", tooltip="The union ControlNet.")
    type: str = combo(("auto", *_KINDS), tooltip="The kind of picture; auto leaves it to the net.")

    def run(self, ctx: NodeContext) -> tuple[ControlNet]:
        if not isinstance(self.control_net, UnetControlNet):
            return (self.control_net,)
        return (self.control_net.with_kind(None if self.type == "auto" else _KINDS.index(self.type)),)
