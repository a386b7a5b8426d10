"""Nodes that draw with one set of settings."""

from dataclasses import replace
from typing import Any, Final

from torch import Tensor

from studio_engine.graph.inputs import MAX_SEED
from studio_engine.graph.node import Node, Output, combo, integer, node, number, socket
from studio_engine.graph.sockets import Conditioning, Latent, Model, NodeContext
from studio_engine.sampling.sample import SampleSettings, StepRange, sample
from studio_engine.sampling.samplers import SAMPLERS
from studio_engine.sampling.samplers.protocol import OnStep
from studio_engine.sampling.schedulers import SCHEDULERS

ENDLESS: Final = 10_000
"""KSamplerAdvanced's last step where the run is not cut."""


def seed_input() -> Any:
    return integer(
        default=0, min=0, max=MAX_SEED, control_after_generate=True, tooltip="The noise; the same seed draws the same."
    )


def cfg_input(tooltip: str = "How strictly to follow the prompt.") -> Any:
    return number(default=8.0, min=0.0, max=100.0, step=0.1, round=0.01, tooltip=tooltip)


def steps_input() -> Any:
    return integer(default=20, min=1, max=10000, tooltip="More steps take longer and show more detail.")


def sampler_input() -> Any:
    return combo(tuple(SAMPLERS), tooltip="How each step removes noise.")


def scheduler_input() -> Any:
    return combo(tuple(SCHEDULERS), tooltip="How much noise each step removes.")


def positive_input() -> Any:
    return socket("CONDITIONING", tooltip="What the picture shall show.")


def negative_input() -> Any:
    return socket("CONDITIONING", tooltip="What the picture shall not show.")


def latent_input() -> Any:
    return socket("LATENT", tooltip="What to start from.")


def model_input() -> Any:
    return socket("MODEL", tooltip="The model that removes the noise.")


def told(ctx: NodeContext, model: Model) -> OnStep:
    """Progress and previews of a run."""

    def on_step(step: int, steps: int, x: Tensor, denoised: Tensor) -> None:
        ctx.progress(step, steps)
        ctx.preview(denoised, model)

    return on_step


@node(title="KSampler", category="sampling", outputs=(Output("LATENT", tooltip="The latents without noise."),))
class KSampler(Node):
    """Draws: removes noise from latents step by step, towards the positive and away from the negative prompt."""

    model: Model = model_input()
    seed: int = seed_input()
    steps: int = steps_input()
    cfg: float = cfg_input()
    sampler_name: str = sampler_input()
    scheduler: str = scheduler_input()
    positive: Conditioning = positive_input()
    negative: Conditioning = negative_input()
    latent_image: Latent = latent_input()
    denoise: float = number(
        default=1.0, min=0.0, max=1.0, step=0.01, tooltip="Below 1 keeps some of the latents' structure."
    )

    def run(self, ctx: NodeContext) -> tuple[Latent]:
        settings = SampleSettings(
            seed=self.seed,
            steps=self.steps,
            cfg=self.cfg,
            sampler=self.sampler_name,
            scheduler=self.scheduler,
            denoise=self.denoise,
        )
        return (_drawn(ctx, self, settings),)


@node(
    title="KSampler (Advanced)",
    category="sampling",
    outputs=(Output("LATENT", tooltip="The latents after the last of these steps."),),
)
class KSamplerAdvanced(Node):
    """Walks a part of a run's steps, so that several samplers can share one run."""

    model: Model = model_input()
    add_noise: str = combo(("enable", "disable"), tooltip="Disable where the latents still hold their noise.")
    noise_seed: int = seed_input()
    steps: int = integer(default=20, min=1, max=10000, tooltip="Steps of the whole run.")
    cfg: float = cfg_input()
    sampler_name: str = sampler_input()
    scheduler: str = scheduler_input()
    positive: Conditioning = positive_input()
    negative: Conditioning = negative_input()
    latent_image: Latent = latent_input()
    start_at_step: int = integer(default=0, min=0, max=10000, tooltip="The first step to walk, counted from 0.")
    end_at_step: int = integer(default=ENDLESS, min=0, max=10000, tooltip="The first step that is left out.")
    return_with_leftover_noise: str = combo(
        ("disable", "enable"), tooltip="Enable where another sampler goes on from here."
    )

    def run(self, ctx: NodeContext) -> tuple[Latent]:
        part = StepRange(
            start=self.start_at_step,
            end=self.end_at_step,
            adds_noise=self.add_noise == "enable",
            has_leftover_noise=self.return_with_leftover_noise == "enable",
        )
        settings = SampleSettings(
            seed=self.noise_seed,
            steps=self.steps,
            cfg=self.cfg,
            sampler=self.sampler_name,
            scheduler=self.scheduler,
            part=part,
        )
        return (_drawn(ctx, self, settings),)


def _drawn(ctx: NodeContext, node: KSampler | KSamplerAdvanced, settings: SampleSettings) -> Latent:
    samples = sample(
        node.model,
        node.latent_image,
        settings,
        positive=node.positive,
        negative=node.negative,
        on_step=told(ctx, node.model),
    )
    return replace(node.latent_image, samples=samples)
