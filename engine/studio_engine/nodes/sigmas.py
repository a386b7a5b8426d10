"""Nodes that spread the noise levels of a run."""

from typing import Any

import torch
from torch import Tensor

from studio_engine.errors import EngineError
from studio_engine.graph.node import Node, Output, boolean, combo, integer, node, number, socket
from studio_engine.graph.sockets import Latent, Model, NodeContext
from studio_engine.nodes.sampling import scheduler_input, steps_input
from studio_engine.sampling.custom_sigmas import (
    Levels,
    LtxvShift,
    exponential_sigmas,
    karras_sigmas,
    laplace_sigmas,
    ltxv_sigmas,
    polyexponential_sigmas,
    sd_turbo_sigmas,
    vp_sigmas,
)
from studio_engine.sampling.schedulers import beta
from studio_engine.sampling.sigmas import sampler_sigmas
from studio_engine.sampling.tuned_sigmas import (
    OPTIMAL_STEPS,
    AysModel,
    OptimalModel,
    align_your_steps_sigmas,
    optimal_steps_sigmas,
)

_CATEGORY = "sampling/custom_sampling/schedulers"
_MODULE = "comfy_extras.nodes_custom_sampler"
_OUTPUTS = (Output("SIGMAS", tooltip="The noise levels, falling."),)


def _model() -> Any:
    return socket("MODEL", tooltip="The model whose noise levels are used.")


def _denoise() -> Any:
    return number(default=1.0, min=0.0, max=1.0, step=0.01, tooltip="Below 1 starts at a lower level.")


def _sigma_max() -> Any:
    return _number(14.614642, 5000.0, "The first level.")


def _sigma_min() -> Any:
    return _number(0.0291675, 5000.0, "The last level above 0.")


def _number(default: float, top: float, tooltip: str, *, low: float = 0.0, step: float = 0.01) -> Any:
    return number(default=default, min=low, max=top, step=step, round=False, tooltip=tooltip)


def _levels(low: float, high: float) -> Levels:
    """Raises `engine.node_failed`: between 0 and anything there are no even steps of the logarithm."""
    if min(low, high) <= 0:
        raise EngineError("engine.node_failed", "sigma_min and sigma_max must be above 0; raise them.")
    return Levels(low, high)


@node(title="BasicScheduler", category=_CATEGORY, outputs=_OUTPUTS, module=_MODULE)
class BasicScheduler(Node):
    """Spreads a model's noise levels in one of the usual ways."""

    model: Model = _model()
    scheduler: str = scheduler_input()
    steps: int = steps_input()
    denoise: float = _denoise()

    def run(self, ctx: NodeContext) -> tuple[Tensor]:
        sigmas = sampler_sigmas(self.model.sampling, self.scheduler, "", steps=self.steps, denoise=self.denoise)
        return (sigmas,)


@node(title="KarrasScheduler", category=_CATEGORY, outputs=_OUTPUTS, module=_MODULE)
class KarrasScheduler(Node):
    """More steps at low noise, by a power of the level."""

    steps: int = steps_input()
    sigma_max: float = _sigma_max()
    sigma_min: float = _sigma_min()
    rho: float = _number(7.0, 100.0, "The power: higher means more steps at low noise.")

    def run(self, ctx: NodeContext) -> tuple[Tensor]:
        if self.rho == 0:
            raise EngineError("engine.node_failed", "rho must be above 0; 7 is usual.")
        return (karras_sigmas(self.steps, Levels(self.sigma_min, self.sigma_max), self.rho),)


@node(title="ExponentialScheduler", category=_CATEGORY, outputs=_OUTPUTS, module=_MODULE)
class ExponentialScheduler(Node):
    """Every step divides the level by the same number."""

    steps: int = steps_input()
    sigma_max: float = _sigma_max()
    sigma_min: float = _sigma_min()

    def run(self, ctx: NodeContext) -> tuple[Tensor]:
        return (exponential_sigmas(self.steps, _levels(self.sigma_min, self.sigma_max)),)


@node(title="PolyexponentialScheduler", category=_CATEGORY, outputs=_OUTPUTS, module=_MODULE)
class PolyexponentialScheduler(Node):
    """The level's logarithm falls as a power of the step."""

    steps: int = steps_input()
    sigma_max: float = _sigma_max()
    sigma_min: float = _sigma_min()
    rho: float = _number(1.0, 100.0, "The power; 1 is exponential.")

    def run(self, ctx: NodeContext) -> tuple[Tensor]:
        return (polyexponential_sigmas(self.steps, _levels(self.sigma_min, self.sigma_max), self.rho),)


@node(title="LaplaceScheduler", category=_CATEGORY, outputs=_OUTPUTS, module=_MODULE)
class LaplaceScheduler(Node):
    """Most steps around one level, by a Laplace distribution."""

    steps: int = steps_input()
    sigma_max: float = _sigma_max()
    sigma_min: float = _sigma_min()
    mu: float = _number(0.0, 10.0, "Logarithm of the level with the most steps.", low=-10.0, step=0.1)
    beta: float = _number(0.5, 10.0, "How far the steps are spread from it.", step=0.1)

    def run(self, ctx: NodeContext) -> tuple[Tensor]:
        levels = Levels(self.sigma_min, self.sigma_max)
        return (laplace_sigmas(self.steps, levels, mu=self.mu, beta=self.beta),)


@node(title="VPScheduler", category=_CATEGORY, outputs=_OUTPUTS, module=_MODULE)
class VPScheduler(Node):
    """Even in the time of a variance preserving process."""

    steps: int = steps_input()
    beta_d: float = _number(19.9, 5000.0, "Growth of the process's noise.")
    beta_min: float = _number(0.1, 5000.0, "The process's noise at its start.")
    eps_s: float = _number(0.001, 1.0, "Time of the last level above 0.", step=0.0001)

    def run(self, ctx: NodeContext) -> tuple[Tensor]:
        return (vp_sigmas(self.steps, beta_d=self.beta_d, beta_min=self.beta_min, eps_s=self.eps_s),)


@node(title="BetaSamplingScheduler", category=_CATEGORY, outputs=_OUTPUTS, module=_MODULE)
class BetaSamplingScheduler(Node):
    """More steps at both ends, by a beta distribution."""

    model: Model = _model()
    steps: int = steps_input()
    alpha: float = _number(0.6, 50.0, "Below 1 puts more steps at high noise.")
    beta: float = _number(0.6, 50.0, "Below 1 puts more steps at low noise.")

    def run(self, ctx: NodeContext) -> tuple[Tensor]:
        if self.alpha <= 0 or self.beta <= 0:
            raise EngineError("engine.node_failed", "alpha and beta must be above 0; 0.6 is usual for both.")
        return (beta(self.model.sampling, self.steps, shape=(self.alpha, self.beta)),)


@node(title="SDTurboScheduler", category=_CATEGORY, outputs=_OUTPUTS, module=_MODULE)
class SDTurboScheduler(Node):
    """The levels that SD Turbo and SDXL Turbo were distilled at."""

    model: Model = _model()
    steps: int = integer(default=1, min=1, max=10, tooltip="Turbo models need 1 to 4.")
    denoise: float = number(default=1.0, min=0, max=1.0, step=0.01, tooltip="Below 1 starts at a lower level.")

    def run(self, ctx: NodeContext) -> tuple[Tensor]:
        return (sd_turbo_sigmas(self.model.sampling, self.steps, self.denoise),)


@node(
    title="AlignYourStepsScheduler",
    category=_CATEGORY,
    outputs=_OUTPUTS,
    module="comfy_extras.nodes_align_your_steps",
)
class AlignYourStepsScheduler(Node):
    """Levels that were tuned for each kind of model, best at ten steps."""

    model_type: AysModel = combo(("SD1", "SDXL", "SVD"), tooltip="The kind of model.")
    steps: int = integer(default=10, min=1, max=10000, tooltip="More than ten are interpolated.")
    denoise: float = _denoise()

    def run(self, ctx: NodeContext) -> tuple[Tensor]:
        return (align_your_steps_sigmas(self.model_type, self.steps, self.denoise),)


@node(
    title="OptimalStepsScheduler",
    category=_CATEGORY,
    outputs=_OUTPUTS,
    module="comfy_extras.nodes_optimalsteps",
)
class OptimalStepsScheduler(Node):
    """Levels of a flow that were tuned for each kind of model."""

    model_type: OptimalModel = combo(tuple(OPTIMAL_STEPS), tooltip="The kind of model.")
    steps: int = integer(default=20, min=3, max=1000, tooltip="Other numbers than the tuned one are interpolated.")
    denoise: float = _denoise()

    def run(self, ctx: NodeContext) -> tuple[Tensor]:
        return (optimal_steps_sigmas(self.model_type, self.steps, self.denoise),)


@node(title="LTXVScheduler", category=_CATEGORY, outputs=_OUTPUTS, module="comfy_extras.nodes_lt")
class LTXVScheduler(Node):
    """Levels of a flow, shifted by how many tokens the latents have."""

    steps: int = steps_input()
    max_shift: float = number(default=2.05, min=0.0, max=100.0, step=0.01, tooltip="Shift at 4096 tokens.")
    base_shift: float = number(default=0.95, min=0.0, max=100.0, step=0.01, tooltip="Shift at 1024 tokens.")
    stretch: bool = boolean(default=True, tooltip="Stretch the levels so that the last one is the terminal.")
    terminal: float = number(default=0.1, min=0.0, max=0.99, step=0.01, tooltip="The last level above 0.")
    latent: Latent | None = socket("LATENT", tooltip="Its tokens are counted; 4096 without.", optional=True)

    def run(self, ctx: NodeContext) -> tuple[Tensor]:
        mu = LtxvShift(self.base_shift, self.max_shift).at(tokens_of(self.latent))
        return (ltxv_sigmas(self.steps, mu, terminal=self.terminal if self.stretch else None),)


def tokens_of(latent: Latent | None) -> int:
    """Cells of the latents; as many as a large picture has where there are none."""
    return 4096 if latent is None else torch.Size(latent.samples.shape[2:]).numel()
