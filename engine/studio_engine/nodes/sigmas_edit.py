"""Nodes that change the noise levels of a run."""

from torch import Tensor

from studio_engine.graph.node import Node, Output, boolean, combo, integer, node, number, socket
from studio_engine.graph.sockets import Model, NodeContext
from studio_engine.sampling.custom_sigmas import (
    Levels,
    Spacing,
    extended,
    flipped,
    split_at_step,
    split_by_denoise,
    with_first,
)

_CATEGORY = "sampling/custom_sampling/sigmas"
_MODULE = "comfy_extras.nodes_custom_sampler"
_OUTPUTS = (Output("SIGMAS", tooltip="The changed noise levels."),)
_PARTS = (
    Output("SIGMAS", "high_sigmas", tooltip="The first part, at high noise."),
    Output("SIGMAS", "low_sigmas", tooltip="The rest, at low noise."),
)


@node(title="SplitSigmas", category=_CATEGORY, outputs=_PARTS, module=_MODULE)
class SplitSigmas(Node):
    """Cuts a run in two at a step."""

    sigmas: Tensor = socket("SIGMAS", tooltip="The noise levels to cut.")
    step: int = integer(default=0, min=0, max=10000, tooltip="The first step of the second part.")

    def run(self, ctx: NodeContext) -> tuple[Tensor, Tensor]:
        return split_at_step(self.sigmas, self.step)


@node(title="SplitSigmasDenoise", category=_CATEGORY, outputs=_PARTS, module=_MODULE)
class SplitSigmasDenoise(Node):
    """Cuts a run in two so that the second part has a share of the steps."""

    sigmas: Tensor = socket("SIGMAS", tooltip="The noise levels to cut.")
    denoise: float = number(default=1.0, min=0.0, max=1.0, step=0.01, tooltip="Share of the second part.")

    def run(self, ctx: NodeContext) -> tuple[Tensor, Tensor]:
        return split_by_denoise(self.sigmas, self.denoise)


@node(title="FlipSigmas", category=_CATEGORY, outputs=_OUTPUTS, module=_MODULE)
class FlipSigmas(Node):
    """Turns a run around, to bring a picture back to noise."""

    sigmas: Tensor = socket("SIGMAS", tooltip="The noise levels to turn around.")

    def run(self, ctx: NodeContext) -> tuple[Tensor]:
        return (flipped(self.sigmas),)


@node(title="SetFirstSigma", category=_CATEGORY, outputs=_OUTPUTS, module=_MODULE)
class SetFirstSigma(Node):
    """Starts a run at another level."""

    sigmas: Tensor = socket("SIGMAS", tooltip="The noise levels to change.")
    sigma: float = number(default=136.0, min=0.0, max=20000.0, step=0.001, round=False, tooltip="The first level.")

    def run(self, ctx: NodeContext) -> tuple[Tensor]:
        return (with_first(self.sigmas, self.sigma),)


@node(title="ExtendIntermediateSigmas", category=_CATEGORY, outputs=_OUTPUTS, module=_MODULE)
class ExtendIntermediateSigmas(Node):
    """Puts more steps between those of a run."""

    sigmas: Tensor = socket("SIGMAS", tooltip="The noise levels to add to.")
    steps: int = integer(default=2, min=1, max=100, tooltip="Steps that each step becomes.")
    start_at_sigma: float = number(
        default=-1.0, min=-1.0, max=20000.0, step=0.01, round=False, tooltip="From this level down; -1 = from the top."
    )
    end_at_sigma: float = number(
        default=12.0, min=0.0, max=20000.0, step=0.01, round=False, tooltip="Down to this level."
    )
    spacing: Spacing = combo(("linear", "cosine", "sine"), tooltip="How the added levels lie between their neighbours.")

    def run(self, ctx: NodeContext) -> tuple[Tensor]:
        high = float("inf") if self.start_at_sigma < 0 else self.start_at_sigma
        return (extended(self.sigmas, self.steps, within=Levels(self.end_at_sigma, high), spacing=self.spacing),)


@node(
    title="SamplingPercentToSigma",
    category=_CATEGORY,
    outputs=(Output("FLOAT", "sigma_value", tooltip="The noise level."),),
    module=_MODULE,
)
class SamplingPercentToSigma(Node):
    """The noise level after a share of the sampling steps."""

    model: Model = socket("MODEL", tooltip="The model whose noise levels count.")
    sampling_percent: float = number(default=0.0, min=0.0, max=1.0, step=0.0001, tooltip="0 = all noise, 1 = none.")
    return_actual_sigma: bool = boolean(
        default=False, tooltip="At 0 and 1 give the model's own ends instead of bounds beyond them."
    )

    def run(self, ctx: NodeContext) -> tuple[float]:
        sampling = self.model.sampling
        if self.return_actual_sigma and self.sampling_percent in (0.0, 1.0):
            return (sampling.sigma_max if self.sampling_percent == 0.0 else sampling.sigma_min,)
        return (sampling.percent_to_sigma(self.sampling_percent),)
