"""Nodes that join a model with its prompts."""

from studio_engine.graph.node import Node, Output, combo, node, number, socket
from studio_engine.graph.sockets import Conditioning, Model, NodeContext
from studio_engine.nodes.sampling import cfg_input, model_input, negative_input, positive_input
from studio_engine.sampling.guidance import BasicGuider as OnePrompt
from studio_engine.sampling.guidance import CfgGuider, DualCfgGuider, Guider
from studio_engine.sampling.guidance import PerpNegGuider as Perpendicular

_CATEGORY = "sampling/custom_sampling/guiders"
_MODULE = "comfy_extras.nodes_custom_sampler"
_OUTPUTS = (Output("GUIDER", tooltip="The model with its prompts."),)


@node(title="BasicGuider", category=_CATEGORY, outputs=_OUTPUTS, module=_MODULE)
class BasicGuider(Node):
    """Follows one prompt, without a negative one: for distilled models such as Flux."""

    model: Model = model_input()
    conditioning: Conditioning = positive_input()

    def run(self, ctx: NodeContext) -> tuple[Guider]:
        return (OnePrompt(self.model, self.conditioning),)


@node(title="CFGGuider", category=_CATEGORY, outputs=_OUTPUTS, module=_MODULE)
class CFGGuider(Node):
    """Follows the positive and avoids the negative prompt."""

    model: Model = model_input()
    positive: Conditioning = positive_input()
    negative: Conditioning = negative_input()
    cfg: float = cfg_input()

    def run(self, ctx: NodeContext) -> tuple[Guider]:
        return (CfgGuider(self.model, self.positive, self.negative, self.cfg),)


@node(title="DualCFGGuider", category=_CATEGORY, outputs=_OUTPUTS, module=_MODULE)
class DualCFGGuider(Node):
    """Guides twice: from the negative to the second prompt, and from there to the first, e.g. for editing models."""

    model: Model = model_input()
    cond1: Conditioning = socket("CONDITIONING", tooltip="What the picture shall show.")
    cond2: Conditioning = socket("CONDITIONING", tooltip="What lies halfway, e.g. the picture to edit without words.")
    negative: Conditioning = negative_input()
    cfg_conds: float = cfg_input("How strictly to follow the first prompt rather than the second.")
    cfg_cond2_negative: float = cfg_input("How strictly to follow the second prompt rather than the negative one.")
    style: str = combo(
        ("regular", "nested"), tooltip="Nested lets the negative prompt push the result of the other two."
    )

    def run(self, ctx: NodeContext) -> tuple[Guider]:
        guider = DualCfgGuider(
            model=self.model,
            positive=self.cond1,
            middle=self.cond2,
            negative=self.negative,
            cfg=self.cfg_conds,
            cfg_middle=self.cfg_cond2_negative,
            is_nested=self.style == "nested",
        )
        return (guider,)


@node(
    title="PerpNegGuider",
    category="_for_testing",
    outputs=_OUTPUTS,
    module="comfy_extras.nodes_perpneg",
    is_experimental=True,
)
class PerpNegGuider(Node):
    """Avoids only what the negative prompt says besides the positive one."""

    model: Model = model_input()
    positive: Conditioning = positive_input()
    negative: Conditioning = negative_input()
    empty_conditioning: Conditioning = socket("CONDITIONING", tooltip="A prompt without words, to compare with.")
    cfg: float = cfg_input()
    neg_scale: float = number(default=1.0, min=0.0, max=100.0, step=0.01, tooltip="How strongly to avoid.")

    def run(self, ctx: NodeContext) -> tuple[Guider]:
        guider = Perpendicular(
            model=self.model,
            positive=self.positive,
            negative=self.negative,
            empty=self.empty_conditioning,
            cfg=self.cfg,
            neg_scale=self.neg_scale,
        )
        return (guider,)
