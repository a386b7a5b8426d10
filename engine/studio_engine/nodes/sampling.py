"""Nodes that draw."""

import torch
from torch import Tensor

from studio_engine.errors import EngineError
from studio_engine.graph.inputs import MAX_SEED
from studio_engine.graph.node import Node, Output, combo, integer, node, number, socket
from studio_engine.graph.sockets import Conditioning, Latent, Model, NodeContext
from studio_engine.sampling.sample import SampleSettings, sample
from studio_engine.sampling.samplers import SAMPLERS
from studio_engine.sampling.schedulers import SCHEDULERS


@node(title="KSampler", category="sampling", outputs=(Output("LATENT", tooltip="The latents without noise."),))
class KSampler(Node):
    """Draws: removes noise from latents step by step, towards the positive and away from the negative prompt."""

    model: Model = socket("MODEL", tooltip="The model that removes the noise.")
    seed: int = integer(
        default=0, min=0, max=MAX_SEED, control_after_generate=True, tooltip="The noise; the same seed draws the same."
    )
    steps: int = integer(default=20, min=1, max=10000, tooltip="More steps take longer and show more detail.")
    cfg: float = number(
        default=8.0, min=0.0, max=100.0, step=0.1, round=0.01, tooltip="How strictly to follow the prompt."
    )
    sampler_name: str = combo(tuple(SAMPLERS), tooltip="How each step removes noise.")
    scheduler: str = combo(tuple(SCHEDULERS), tooltip="How much noise each step removes.")
    positive: Conditioning = socket("CONDITIONING", tooltip="What the picture shall show.")
    negative: Conditioning = socket("CONDITIONING", tooltip="What the picture shall not show.")
    latent_image: Latent = socket("LATENT", tooltip="What to start from.")
    denoise: float = number(
        default=1.0, min=0.0, max=1.0, step=0.01, tooltip="Below 1 keeps some of the latents' structure."
    )

    def run(self, ctx: NodeContext) -> tuple[Latent]:
        def on_step(step: int, steps: int, x: Tensor, denoised: Tensor) -> None:
            ctx.progress(step, steps)
            if not torch.isfinite(denoised).all():
                raise EngineError(
                    "engine.non_finite",
                    f"The picture became invalid numbers (NaN) at step {step} of {steps}; "
                    "lower CFG or choose another sampler.",
                )
            ctx.preview(denoised, self.model)

        settings = SampleSettings(
            seed=self.seed,
            steps=self.steps,
            cfg=self.cfg,
            sampler=self.sampler_name,
            scheduler=self.scheduler,
            denoise=self.denoise,
        )
        samples = sample(
            self.model,
            self.latent_image,
            settings,
            positive=self.positive,
            negative=self.negative,
            on_step=on_step,
        )
        return (Latent(samples, self.latent_image.batch_index),)
