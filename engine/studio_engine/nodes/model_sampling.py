"""Nodes that change what a model's noise levels mean."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from studio_engine.errors import EngineError
from studio_engine.graph.node import Node, Output, boolean, combo, integer, node, number, socket
from studio_engine.graph.sockets import Latent, Model, NodeContext
from studio_engine.nodes.sigmas import tokens_of
from studio_engine.sampling.cosine import cascade_sampling
from studio_engine.sampling.custom_sigmas import LtxvShift
from studio_engine.sampling.discrete import discrete_sampling, distilled_sampling
from studio_engine.sampling.edm import angular_sampling, continuous_sampling
from studio_engine.sampling.flow import flux_sampling, flux_shift, sd3_sampling
from studio_engine.sampling.latent_formats import PLAYGROUND_LATENT
from studio_engine.sampling.model_sampling import ModelSampling, Prediction

_CATEGORY = "advanced/model"
_MODULE = "comfy_extras.nodes_model_advanced"
_OUTPUTS = (Output("MODEL", tooltip="The same model with other noise levels."),)

_PREDICTIONS: Final[Mapping[str, Prediction]] = {
    "eps": "eps",
    "v_prediction": "v",
    "x0": "x0",
    "img_to_img": "img_to_img",
    "edm": "edm",
    "edm_playground_v2.5": "edm",
}


def _model() -> Any:
    return socket("MODEL", tooltip="The model to change.")


def _shift(default: float, tooltip: str = "Above 1 walks more slowly through high noise.") -> Any:
    return number(default=default, min=0.0, max=100.0, step=0.01, tooltip=tooltip)


def _sigma(default: float, tooltip: str) -> Any:
    return number(default=default, min=0.0, max=1000.0, step=0.001, round=False, tooltip=tooltip)


def _with(model: Model, sampling: ModelSampling) -> tuple[Model]:
    return (replace(model, sampling=sampling),)


@node(title="ModelSamplingDiscrete", category=_CATEGORY, outputs=_OUTPUTS, module=_MODULE)
class ModelSamplingDiscrete(Node):
    """For models that were trained on a table of 1000 steps: says what their output means."""

    model: Model = _model()
    sampling: str = combo(
        ("eps", "v_prediction", "lcm", "x0", "img_to_img"), tooltip="What the model was trained to answer."
    )
    zsnr: bool = boolean(default=False, tooltip="The table ends in pure noise: for models that were trained so.")

    def run(self, ctx: NodeContext) -> tuple[Model]:
        if self.sampling == "lcm":
            return _with(self.model, distilled_sampling(is_zero_snr=self.zsnr))
        return _with(self.model, discrete_sampling(_PREDICTIONS[self.sampling], is_zero_snr=self.zsnr))


@node(title="ModelSamplingContinuousEDM", category=_CATEGORY, outputs=_OUTPUTS, module=_MODULE)
class ModelSamplingContinuousEDM(Node):
    """For models that were trained on any noise level of a range: says what their output means."""

    model: Model = _model()
    sampling: str = combo(
        ("v_prediction", "edm", "edm_playground_v2.5", "eps", "cosmos_rflow"),
        tooltip="What the model was trained to answer.",
    )
    sigma_max: float = _sigma(120.0, "The highest noise level.")
    sigma_min: float = _sigma(0.002, "The lowest noise level.")

    def run(self, ctx: NodeContext) -> tuple[Model]:
        if self.sampling not in _PREDICTIONS:
            raise EngineError(
                "model.family_unknown", "cosmos_rflow is for Cosmos models, which this engine cannot run; choose edm."
            )
        prediction = _PREDICTIONS[self.sampling]
        levels = _levels(self.sigma_min, self.sigma_max)
        deviation = 0.5 if prediction == "edm" else 1.0
        changed = replace(self.model, sampling=continuous_sampling(prediction, levels, data_deviation=deviation))
        return (replace(changed, latent=PLAYGROUND_LATENT) if self.sampling == "edm_playground_v2.5" else changed,)


@node(title="ModelSamplingContinuousV", category=_CATEGORY, outputs=_OUTPUTS, module=_MODULE)
class ModelSamplingContinuousV(Node):
    """For models that were trained to answer the velocity at any angle between picture and noise."""

    model: Model = _model()
    sampling: str = combo(("v_prediction",), tooltip="What the model was trained to answer.")
    sigma_max: float = _sigma(500.0, "The highest noise level.")
    sigma_min: float = _sigma(0.03, "The lowest noise level.")

    def run(self, ctx: NodeContext) -> tuple[Model]:
        return _with(self.model, angular_sampling(_levels(self.sigma_min, self.sigma_max)))


@node(title="ModelSamplingStableCascade", category=_CATEGORY, outputs=_OUTPUTS, module=_MODULE)
class ModelSamplingStableCascade(Node):
    """The cosine schedule of Stable Cascade, shifted for large pictures."""

    model: Model = _model()
    shift: float = _shift(2.0)

    def run(self, ctx: NodeContext) -> tuple[Model]:
        return _with(self.model, _positive(self.shift, cascade_sampling))


@node(title="ModelSamplingSD3", category=_CATEGORY, outputs=_OUTPUTS, module=_MODULE)
class ModelSamplingSD3(Node):
    """The shifted flow of Stable Diffusion 3."""

    model: Model = _model()
    shift: float = _shift(3.0)

    def run(self, ctx: NodeContext) -> tuple[Model]:
        return _with(self.model, _positive(self.shift, sd3_sampling))


@node(title="ModelSamplingAuraFlow", category=_CATEGORY, outputs=_OUTPUTS, module=_MODULE)
class ModelSamplingAuraFlow(Node):
    """The shifted flow of AuraFlow, whose timesteps are its noise levels."""

    model: Model = _model()
    shift: float = _shift(1.73)

    def run(self, ctx: NodeContext) -> tuple[Model]:
        return _with(self.model, _positive(self.shift, lambda shift: sd3_sampling(shift, multiplier=1.0)))


@node(title="ModelSamplingFlux", category=_CATEGORY, outputs=_OUTPUTS, module=_MODULE)
class ModelSamplingFlux(Node):
    """The flow of Flux, shifted for the size of the picture."""

    model: Model = _model()
    max_shift: float = _shift(1.15, "Shift of a picture of 1024 × 1024.")
    base_shift: float = _shift(0.5, "Shift of a picture of 256 × 256.")
    width: int = integer(default=1024, min=16, max=16384, step=8, tooltip="Width of the picture in pixels.")
    height: int = integer(default=1024, min=16, max=16384, step=8, tooltip="Height of the picture in pixels.")

    def run(self, ctx: NodeContext) -> tuple[Model]:
        shift = flux_shift(self.width, self.height, base=self.base_shift, top=self.max_shift)
        return _with(self.model, flux_sampling(shift))


@node(title="ModelSamplingLTXV", category=_CATEGORY, outputs=_OUTPUTS, module="comfy_extras.nodes_lt")
class ModelSamplingLTXV(Node):
    """A flow shifted by how many tokens the latents have."""

    model: Model = _model()
    max_shift: float = _shift(2.05, "Shift at 4096 tokens.")
    base_shift: float = _shift(0.95, "Shift at 1024 tokens.")
    latent: Latent | None = socket("LATENT", tooltip="Its tokens are counted; 4096 without.", optional=True)

    def run(self, ctx: NodeContext) -> tuple[Model]:
        mu = LtxvShift(self.base_shift, self.max_shift).at(tokens_of(self.latent))
        return _with(self.model, flux_sampling(mu))


def _positive(shift: float, make: Callable[[float], ModelSampling]) -> ModelSampling:
    if shift <= 0:
        raise EngineError("engine.node_failed", "A shift of 0 leaves no noise at any step; set one above 0.")
    return make(shift)


def _levels(low: float, high: float) -> tuple[float, float]:
    if not 0 < low < high:
        raise EngineError(
            "engine.node_failed",
            f"Noise levels from {low:g} to {high:g} are no range; sigma_min must be above 0 and below sigma_max.",
        )
    return low, high
