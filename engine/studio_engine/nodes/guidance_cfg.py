"""Nodes that weigh the answers to positive and negative prompts in other ways."""

from dataclasses import replace

from studio_engine.graph.node import Node, Output, integer, node, number, socket
from studio_engine.graph.sockets import Conditioning, Model, NodeContext
from studio_engine.nodes.model_inputs import model_to_change
from studio_engine.sampling.cfg_hooks import (
    AdaptiveProjection,
    CfgNorm,
    CfgZeroStar,
    FrequencyScaling,
    LikenessGuidance,
    LinearCfg,
    RenormCfg,
    RescaleCfg,
    ScaledNoise,
    TangentialDamping,
)
from studio_engine.sampling.guidance import PerpNegCfg
from studio_engine.sampling.hooks import CfgHook, PostCfgHook, PreCfgHook

_OUTPUTS = (Output("MODEL", tooltip="The model with changed guidance."),)
_PATCHED = (Output("MODEL", "patched_model", tooltip="The model with changed guidance."),)


def _with_cfg(model: Model, hook: CfgHook) -> tuple[Model]:
    return (model.with_guidance(replace(model.guidance, cfg=hook)),)


def _before(model: Model, hook: PreCfgHook) -> tuple[Model]:
    return (model.with_guidance(model.guidance.with_pre_cfg(hook)),)


def _after(model: Model, hook: PostCfgHook) -> tuple[Model]:
    return (model.with_guidance(model.guidance.with_post_cfg(hook)),)


@node(title="RescaleCFG", category="advanced/model", outputs=_OUTPUTS, module="comfy_extras.nodes_model_advanced")
class RescaleCFG(Node):
    """Keeps high guidance from burning the picture, for models that predict the velocity."""

    model: Model = model_to_change()
    multiplier: float = number(default=0.7, min=0.0, max=1.0, step=0.01, tooltip="0 = plain guidance.")

    def run(self, ctx: NodeContext) -> tuple[Model]:
        return _with_cfg(self.model, RescaleCfg(self.multiplier))


@node(title="RenormCFG", category="advanced/model", outputs=_OUTPUTS, module="comfy_extras.nodes_lumina2")
class RenormCFG(Node):
    """Limits how strong guided answers become, as Lumina 2 needs it."""

    model: Model = model_to_change()
    cfg_trunc: float = number(
        default=100, min=0.0, max=100.0, step=0.01, tooltip="From this noise level up there is no guidance."
    )
    renorm_cfg: float = number(
        default=1.0, min=0.0, max=100.0, step=0.01, tooltip="Limit, in strengths of the positive answer; 0 = none."
    )

    def run(self, ctx: NodeContext) -> tuple[Model]:
        return _with_cfg(self.model, RenormCfg(self.cfg_trunc, self.renorm_cfg))


@node(
    title="VideoLinearCFGGuidance",
    category="sampling/video_models",
    outputs=_OUTPUTS,
    module="comfy_extras.nodes_video_model",
)
class VideoLinearCFGGuidance(Node):
    """Guidance that rises from the first frame to the last."""

    model: Model = model_to_change()
    min_cfg: float = number(default=1.0, min=0.0, max=100.0, step=0.5, round=0.01, tooltip="At the first frame.")

    def run(self, ctx: NodeContext) -> tuple[Model]:
        return _with_cfg(self.model, LinearCfg(self.min_cfg))


@node(
    title="VideoTriangleCFGGuidance",
    category="sampling/video_models",
    outputs=_OUTPUTS,
    module="comfy_extras.nodes_video_model",
)
class VideoTriangleCFGGuidance(Node):
    """Guidance that rises to the middle frame and falls again."""

    model: Model = model_to_change()
    min_cfg: float = number(
        default=1.0, min=0.0, max=100.0, step=0.5, round=0.01, tooltip="At the first and the last frame."
    )

    def run(self, ctx: NodeContext) -> tuple[Model]:
        return _with_cfg(self.model, LinearCfg(self.min_cfg, is_triangle=True))


@node(
    title="Perp-Neg (DEPRECATED by PerpNegGuider)",
    category="_for_testing",
    outputs=_OUTPUTS,
    module="comfy_extras.nodes_perpneg",
    is_deprecated=True,
    is_experimental=True,
)
class PerpNeg(Node):
    """Avoids only what the negative prompt says besides the positive one. PerpNegGuider does it in fewer calls."""

    model: Model = model_to_change()
    empty_conditioning: Conditioning = socket("CONDITIONING", tooltip="A prompt without words, to compare with.")
    neg_scale: float = number(default=1.0, min=0.0, max=100.0, step=0.01, tooltip="How strongly to avoid.")

    def run(self, ctx: NodeContext) -> tuple[Model]:
        return _with_cfg(self.model, PerpNegCfg(self.empty_conditioning, self.neg_scale))


@node(
    title="Adaptive Projected Guidance",
    category="sampling/custom_sampling",
    outputs=_OUTPUTS,
    module="comfy_extras.nodes_apg",
)
class APG(Node):
    """High guidance without burnt colours: leaves out what only strengthens the picture."""

    model: Model = model_to_change()
    eta: float = number(
        default=1.0, min=-10.0, max=10.0, step=0.01, tooltip="Share of the strengthening part that is kept."
    )
    norm_threshold: float = number(
        default=5.0, min=0.0, max=50.0, step=0.1, tooltip="Strongest guidance of a step; 0 = any."
    )
    momentum: float = number(
        default=0.0, min=-5.0, max=1.0, step=0.01, tooltip="Share of earlier steps' guidance; below 0 avoids it."
    )

    def run(self, ctx: NodeContext) -> tuple[Model]:
        return _before(self.model, AdaptiveProjection(self.eta, self.norm_threshold, self.momentum))


@node(title="Tangential Damping CFG", category="advanced/guidance", outputs=_PATCHED, module="comfy_extras.nodes_tcfg")
class TCFG(Node):
    """Leaves out of the negative answer what has nothing to do with the positive one."""

    model: Model = model_to_change()

    def run(self, ctx: NodeContext) -> tuple[Model]:
        return _before(self.model, TangentialDamping())


@node(
    title="FreSca",
    category="_for_testing",
    outputs=_OUTPUTS,
    module="comfy_extras.nodes_fresca",
    is_experimental=True,
)
class FreSca(Node):
    """Guides coarse and fine structure by different strengths."""

    model: Model = model_to_change()
    scale_low: float = number(default=1.0, min=0, max=10, step=0.01, tooltip="Strength for coarse structure.")
    scale_high: float = number(default=1.25, min=0, max=10, step=0.01, tooltip="Strength for fine structure.")
    freq_cutoff: int = integer(
        default=20, min=1, max=10000, step=1, tooltip="Frequencies, from the lowest, that count as coarse."
    )

    def run(self, ctx: NodeContext) -> tuple[Model]:
        return _before(self.model, FrequencyScaling(self.scale_low, self.scale_high, self.freq_cutoff))


@node(
    title="CFGNorm",
    category="advanced/guidance",
    outputs=_PATCHED,
    module="comfy_extras.nodes_cfg",
    is_experimental=True,
)
class CFGNorm(Node):
    """Keeps guided answers from becoming stronger than the positive one."""

    model: Model = model_to_change()
    strength: float = number(default=1.0, min=0.0, max=100.0, step=0.01, tooltip="Factor on the result.")

    def run(self, ctx: NodeContext) -> tuple[Model]:
        return _after(self.model, CfgNorm(self.strength))


@node(title="CFGZeroStar", category="advanced/guidance", outputs=_PATCHED, module="comfy_extras.nodes_cfg")
class CFGZeroStar(Node):
    """Fits the negative answer to the positive one before guiding, for flow models."""

    model: Model = model_to_change()

    def run(self, ctx: NodeContext) -> tuple[Model]:
        return _after(self.model, CfgZeroStar())


@node(
    title="Mahiro is so cute that she deserves a better guidance function!! (。・ω・。)",
    category="_for_testing",
    outputs=_PATCHED,
    module="comfy_extras.nodes_mahiro",
    is_experimental=True,
)
class Mahiro(Node):
    """Follows the positive prompt more where it and the negative one disagree."""

    model: Model = model_to_change()

    def run(self, ctx: NodeContext) -> tuple[Model]:
        return _after(self.model, LikenessGuidance())


@node(
    name="Epsilon Scaling",
    title="Epsilon Scaling",
    category="model_patches/unet",
    outputs=_OUTPUTS,
    module="comfy_extras.nodes_eps",
)
class EpsilonScaling(Node):
    """Expects a little less noise in every step, which adds detail."""

    model: Model = model_to_change()
    scaling_factor: float = number(
        default=1.005, min=0.5, max=1.5, step=0.001, display="number", tooltip="The noise is divided by it."
    )

    def run(self, ctx: NodeContext) -> tuple[Model]:
        return _after(self.model, ScaledNoise(self.scaling_factor))
