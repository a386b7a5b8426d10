"""Nodes that choose how each step removes noise."""

from functools import partial
from typing import Any

from studio_engine.graph.node import Node, Output, boolean, combo, integer, node, number
from studio_engine.graph.sockets import Model, NodeContext
from studio_engine.nodes.sampling import model_input, sampler_input
from studio_engine.sampling.samplers import get_sampler
from studio_engine.sampling.samplers.cfg_pp import euler_ancestral_cfg_pp, euler_cfg_pp, euler_guided_back
from studio_engine.sampling.samplers.dpm_solver import DpmAdaptive
from studio_engine.sampling.samplers.dpmpp import dpmpp_2s_ancestral
from studio_engine.sampling.samplers.dpmpp_sde import Correction, Dpmpp2mSde, Dpmpp3mSde, DpmppSde
from studio_engine.sampling.samplers.er_sde import ErSde, picture_strength, reverse_time_strength
from studio_engine.sampling.samplers.euler import euler_ancestral
from studio_engine.sampling.samplers.lcm import LcmUpscale
from studio_engine.sampling.samplers.multistep import lms_of_order
from studio_engine.sampling.samplers.protocol import Sampler
from studio_engine.sampling.samplers.sa_solver import SaSolver
from studio_engine.sampling.samplers.sde import Sde

_CATEGORY = "sampling/custom_sampling/samplers"
_MODULE = "comfy_extras.nodes_custom_sampler"
_OUTPUTS = (Output("SAMPLER", tooltip="How each step removes noise."),)


def _free(default: float, tooltip: str, top: float = 100.0) -> Any:
    return number(default=default, min=0.0, max=top, step=0.01, round=False, tooltip=tooltip)


def _eta(default: float = 1.0, top: float = 100.0) -> Any:
    return _free(default, "How much of the noise each step renews; 0 adds none.", top)


def _s_noise(top: float = 100.0) -> Any:
    return _free(1.0, "Factor on the noise that steps add.", top)


def _noise_device() -> Any:
    return combo(("gpu", "cpu"), tooltip="Where noise is drawn: on the CPU it is the same on every machine.")


@node(title="KSamplerSelect", category=_CATEGORY, outputs=_OUTPUTS, module=_MODULE)
class KSamplerSelect(Node):
    """Chooses a sampler by its name."""

    sampler_name: str = sampler_input()

    def run(self, ctx: NodeContext) -> tuple[Sampler]:
        return (get_sampler(self.sampler_name),)


@node(title="SamplerEulerAncestral", category=_CATEGORY, outputs=_OUTPUTS, module=_MODULE)
class SamplerEulerAncestral(Node):
    """Euler with fresh noise at every step."""

    eta: float = _eta()
    s_noise: float = _s_noise()

    def run(self, ctx: NodeContext) -> tuple[Sampler]:
        return (partial(euler_ancestral, sde=Sde(self.eta, self.s_noise)),)


@node(title="SamplerEulerAncestralCFG++", category=_CATEGORY, outputs=_OUTPUTS, module=_MODULE)
class SamplerEulerAncestralCFGPP(Node):
    """Euler with fresh noise at every step, which the negative prompt judges (CFG++)."""

    eta: float = _eta(top=1.0)
    s_noise: float = _s_noise(top=10.0)

    def run(self, ctx: NodeContext) -> tuple[Sampler]:
        return (partial(euler_ancestral_cfg_pp, sde=Sde(self.eta, self.s_noise)),)


@node(
    name="SamplerDPMPP_2S_Ancestral",
    title="SamplerDPMPP_2S_Ancestral",
    category=_CATEGORY,
    outputs=_OUTPUTS,
    module=_MODULE,
)
class SamplerDpmpp2sAncestral(Node):
    """DPM-Solver++ of second order with fresh noise; two calls of the model per step."""

    eta: float = _eta()
    s_noise: float = _s_noise()

    def run(self, ctx: NodeContext) -> tuple[Sampler]:
        return (partial(dpmpp_2s_ancestral, sde=Sde(self.eta, self.s_noise)),)


@node(name="SamplerDPMPP_SDE", title="SamplerDPMPP_SDE", category=_CATEGORY, outputs=_OUTPUTS, module=_MODULE)
class SamplerDpmppSde(Node):
    """DPM-Solver++ with noise of one Brownian path; two calls of the model per step."""

    eta: float = _eta()
    s_noise: float = _s_noise()
    r: float = _free(0.5, "Where between two steps the second call lies.")
    noise_device: str = _noise_device()

    def run(self, ctx: NodeContext) -> tuple[Sampler]:
        return (DpmppSde(_sde(self.eta, self.s_noise, self.noise_device), self.r),)


@node(name="SamplerDPMPP_2M_SDE", title="SamplerDPMPP_2M_SDE", category=_CATEGORY, outputs=_OUTPUTS, module=_MODULE)
class SamplerDpmpp2mSde(Node):
    """DPM-Solver++ of second order with noise of one Brownian path; one call of the model per step."""

    solver_type: Correction = combo(("midpoint", "heun"), tooltip="How the step before is used.")
    eta: float = _eta()
    s_noise: float = _s_noise()
    noise_device: str = _noise_device()

    def run(self, ctx: NodeContext) -> tuple[Sampler]:
        return (Dpmpp2mSde(_sde(self.eta, self.s_noise, self.noise_device), self.solver_type),)


@node(name="SamplerDPMPP_3M_SDE", title="SamplerDPMPP_3M_SDE", category=_CATEGORY, outputs=_OUTPUTS, module=_MODULE)
class SamplerDpmpp3mSde(Node):
    """DPM-Solver++ that uses two steps before, with noise of one Brownian path."""

    eta: float = _eta()
    s_noise: float = _s_noise()
    noise_device: str = _noise_device()

    def run(self, ctx: NodeContext) -> tuple[Sampler]:
        return (Dpmpp3mSde(_sde(self.eta, self.s_noise, self.noise_device)),)


@node(title="SamplerDPMAdaptative", category=_CATEGORY, outputs=_OUTPUTS, module=_MODULE)
class SamplerDPMAdaptative(Node):
    """DPM-Solver that chooses its own steps: as many as the wanted precision takes."""

    order: int = integer(default=3, min=2, max=3, tooltip="Order of the method.")
    rtol: float = _free(0.05, "Error that a step may make, relative to the latents.")
    atol: float = _free(0.0078, "Error that a step may make in any case.")
    h_init: float = _free(0.05, "Length of the first step.")
    pcoeff: float = _free(0.0, "Proportional part of the control of the steps' length.")
    icoeff: float = _free(1.0, "Integral part of the control of the steps' length.")
    dcoeff: float = _free(0.0, "Differential part of the control of the steps' length.")
    accept_safety: float = _free(0.81, "A step that wants to shrink below this share is walked again.")
    eta: float = _eta(0.0)
    s_noise: float = _s_noise()

    def run(self, ctx: NodeContext) -> tuple[Sampler]:
        sampler = DpmAdaptive(
            order=self.order,
            rtol=self.rtol,
            atol=self.atol,
            h_init=self.h_init,
            pcoeff=self.pcoeff,
            icoeff=self.icoeff,
            dcoeff=self.dcoeff,
            accept_safety=self.accept_safety,
            sde=Sde(self.eta, self.s_noise),
        )
        return (sampler,)


@node(title="SamplerLMS", category=_CATEGORY, outputs=_OUTPUTS, module=_MODULE)
class SamplerLMS(Node):
    """Linear multistep: follows the curve through several steps before."""

    order: int = integer(default=4, min=1, max=100, tooltip="Steps that are looked back at.")

    def run(self, ctx: NodeContext) -> tuple[Sampler]:
        return (lms_of_order(self.order),)


@node(name="SamplerER_SDE", title="SamplerER_SDE", category=_CATEGORY, outputs=_OUTPUTS, module=_MODULE)
class SamplerErSde(Node):
    """Extended reverse-time SDE, whose fresh noise is tuned for pictures."""

    solver_type: str = combo(
        ("ER-SDE", "Reverse-time SDE", "ODE"), named=True, tooltip="How much fresh noise comes in; ODE adds none."
    )
    max_stage: int = integer(default=3, min=1, max=3, tooltip="Order of the method.")
    eta: float = _free(1.0, "Strength of the reverse-time SDE; the other two have none.")
    s_noise: float = _s_noise()

    def run(self, ctx: NodeContext) -> tuple[Sampler]:
        if self.solver_type == "ER-SDE":
            return (ErSde(picture_strength, self.s_noise, self.max_stage),)
        is_flow = self.solver_type == "ODE" or self.eta == 0
        eta, s_noise = (0.0, 0.0) if is_flow else (self.eta, self.s_noise)
        return (ErSde(reverse_time_strength(eta), s_noise, self.max_stage),)


@node(title="SamplerSASolver", category=_CATEGORY, outputs=_OUTPUTS, module=_MODULE)
class SamplerSASolver(Node):
    """Stochastic Adams solver: fresh noise in a part of the run, several steps before are used."""

    model: Model = model_input()
    eta: float = _eta(top=10.0)
    sde_start_percent: float = number(default=0.2, min=0.0, max=1.0, step=0.001, tooltip="Noise comes in from here.")
    sde_end_percent: float = number(default=0.8, min=0.0, max=1.0, step=0.001, tooltip="Noise comes in up to here.")
    s_noise: float = _s_noise()
    predictor_order: int = integer(default=3, min=1, max=6, tooltip="Steps that predictions look back at.")
    corrector_order: int = integer(default=4, min=0, max=6, tooltip="Steps that corrections look back at; 0 = none.")
    use_pece: bool = boolean(tooltip="Ask the model again after each correction.")
    simple_order_2: bool = boolean(tooltip="Use the simpler weights where two steps are looked at.")

    def run(self, ctx: NodeContext) -> tuple[Sampler]:
        sampler = SaSolver(
            eta=self.eta,
            s_noise=self.s_noise,
            percents=(self.sde_start_percent, self.sde_end_percent),
            predictor_order=self.predictor_order,
            corrector_order=self.corrector_order,
            is_pece=self.use_pece,
            is_simple=self.simple_order_2,
        )
        return (sampler,)


@node(title="SamplerLCMUpscale", category=_CATEGORY, outputs=_OUTPUTS, module="comfy_extras.nodes_advanced_samplers")
class SamplerLCMUpscale(Node):
    """Draws as latent consistency models do, on latents that grow from step to step."""

    scale_ratio: float = number(default=1.0, min=0.1, max=20.0, step=0.01, tooltip="Growth of each side in the end.")
    scale_steps: int = integer(
        default=-1, min=-1, max=1000, step=1, tooltip="Steps that the latents grow in; -1 = the first half."
    )
    upscale_method: str = combo(
        ("bislerp", "nearest-exact", "bilinear", "area", "bicubic"), tooltip="How latents are made larger."
    )

    def run(self, ctx: NodeContext) -> tuple[Sampler]:
        steps = None if self.scale_steps < 0 else self.scale_steps
        return (LcmUpscale(self.scale_ratio, self.upscale_method, steps),)


@node(
    title="SamplerEulerCFG++",
    category="_for_testing",
    outputs=_OUTPUTS,
    module="comfy_extras.nodes_advanced_samplers",
    is_experimental=True,
)
class SamplerEulerCFGpp(Node):
    """Euler with noise that the negative prompt judges (CFG++)."""

    version: str = combo(("regular", "alternative"), tooltip="The alternative keeps the guided picture's noise.")

    def run(self, ctx: NodeContext) -> tuple[Sampler]:
        return (euler_guided_back if self.version == "alternative" else euler_cfg_pp,)


def _sde(eta: float, s_noise: float, noise_device: str) -> Sde:
    return Sde(eta, s_noise, is_tree_on_device=noise_device == "gpu")
