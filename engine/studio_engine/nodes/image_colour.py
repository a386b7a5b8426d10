"""Nodes that change the colours of pictures."""

from torch import Tensor

from studio_engine.errors import EngineError
from studio_engine.graph.node import Node, Output, combo, node, number, socket, text
from studio_engine.graph.sockets import NodeContext
from studio_engine.imaging import colours
from studio_engine.imaging.batches import to_rgb

_IMAGE = Output("IMAGE", tooltip="The changed picture.")
_MORPHOLOGY = "comfy_extras.nodes_morphology"
_OWN = "studio_nodes.image_colour"
_CURVES = {"rgb": (0, 1, 2), "red": (0,), "green": (1,), "blue": (2,)}


@node(
    title="ImageRGBToYUV",
    category="image/batch",
    module=_MORPHOLOGY,
    outputs=(
        Output("IMAGE", "Y", tooltip="Brightness, as a grey picture."),
        Output("IMAGE", "U", tooltip="How blue, as a grey picture."),
        Output("IMAGE", "V", tooltip="How red, as a grey picture."),
    ),
)
class ImageRGBToYUV(Node):
    """Takes brightness and colour of a picture apart."""

    image: Tensor = socket("IMAGE", tooltip="The picture.")

    def run(self, ctx: NodeContext) -> tuple[Tensor, Tensor, Tensor]:
        rgb = to_rgb(self.image)
        y, u, v = (plane.expand_as(rgb) for plane in colours.rgb_to_yuv(rgb))
        return y, u, v


@node(title="ImageYUVToRGB", category="image/batch", module=_MORPHOLOGY, outputs=(_IMAGE,))
class ImageYUVToRGB(Node):
    """Puts brightness and colour together again."""

    Y: Tensor = socket("IMAGE", tooltip="Brightness.")
    U: Tensor = socket("IMAGE", tooltip="How blue.")
    V: Tensor = socket("IMAGE", tooltip="How red.")

    def run(self, ctx: NodeContext) -> tuple[Tensor]:
        y, u, v = (plane.mean(dim=-1, keepdim=True) for plane in (self.Y, self.U, self.V))
        if not y.shape == u.shape == v.shape:
            raise EngineError("engine.node_failed", "Y, U and V have different sizes; give three pictures of one size.")
        return (colours.yuv_to_rgb(y, u, v),)


@node(title="Adjust Colours", category="image/colour", module=_OWN, outputs=(_IMAGE,))
class ImageAdjustColours(Node):
    """Brightness, contrast, gamma, saturation, hue and warmth of a picture."""

    image: Tensor = socket("IMAGE", tooltip="The picture.")
    brightness: float = number(default=1.0, min=0.0, max=4.0, step=0.01, tooltip="Factor for every value.")
    contrast: float = number(default=1.0, min=0.0, max=4.0, step=0.01, tooltip="Spreads values about mid-grey.")
    gamma: float = number(default=1.0, min=0.1, max=5.0, step=0.01, tooltip="Above 1 lightens the middle tones.")
    saturation: float = number(default=1.0, min=0.0, max=4.0, step=0.01, tooltip="0 is grey.")
    hue: float = number(default=0.0, min=-180.0, max=180.0, step=1.0, tooltip="Degrees to turn every colour by.")
    temperature: float = number(default=0.0, min=-1.0, max=1.0, step=0.01, tooltip="Above 0 is warmer.")

    def run(self, ctx: NodeContext) -> tuple[Tensor]:
        lit = colours.adjust_light(self.image, brightness=self.brightness, contrast=self.contrast, gamma=self.gamma)
        toned = colours.adjust_colour(
            lit, saturation=self.saturation, hue_degrees=self.hue, temperature=self.temperature
        )
        return (toned,)


@node(title="Levels", category="image/colour", module=_OWN, outputs=(_IMAGE,))
class ImageLevels(Node):
    """Sets the black point, the white point and the middle tones of a picture."""

    image: Tensor = socket("IMAGE", tooltip="The picture.")
    black: float = number(default=0.0, min=0.0, max=1.0, step=0.01, tooltip="Values up to this become black.")
    white: float = number(default=1.0, min=0.0, max=1.0, step=0.01, tooltip="Values from this on become white.")
    gamma: float = number(default=1.0, min=0.1, max=5.0, step=0.01, tooltip="Above 1 lightens the middle tones.")
    darkest: float = number(default=0.0, min=0.0, max=1.0, step=0.01, tooltip="What black becomes.")
    lightest: float = number(default=1.0, min=0.0, max=1.0, step=0.01, tooltip="What white becomes.")

    def run(self, ctx: NodeContext) -> tuple[Tensor]:
        levelled = colours.levels(
            self.image,
            black=self.black,
            white=self.white,
            gamma=self.gamma,
            darkest=self.darkest,
            lightest=self.lightest,
        )
        return (levelled,)


@node(title="Curves", category="image/colour", module=_OWN, outputs=(_IMAGE,))
class ImageCurves(Node):
    """Sends a picture's values through a smooth curve."""

    image: Tensor = socket("IMAGE", tooltip="The picture.")
    curve: str = text(
        default="0,0 0.5,0.5 1,1", multiline=False, tooltip="Points of the curve as input,output, each from 0 to 1."
    )
    channel: str = combo(tuple(_CURVES), tooltip="The colours that change.")

    def run(self, ctx: NodeContext) -> tuple[Tensor]:
        return (colours.apply_curve(self.image, colours.parse_curve(self.curve), _CURVES[self.channel]),)
