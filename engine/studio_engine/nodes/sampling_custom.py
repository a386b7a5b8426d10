"""Nodes that draw with sampler, sigmas, noise and guidance put together one by one."""

from dataclasses import replace

import torch
from torch import Tensor

from studio_engine.graph.node import Node, Output, boolean, node, socket
from studio_engine.graph.sockets import Conditioning, Latent, Model, NodeContext
from studio_engine.nodes.sampling import (
    cfg_input,
    latent_input,
    model_input,
    negative_input,
    positive_input,
    seed_input,
    told,
)
from studio_engine.sampling.guidance import CfgGuider, Guider
from studio_engine.sampling.noise import Noise
from studio_engine.sampling.sample import Run, sample_custom, scaled
from studio_engine.sampling.samplers.protocol import Sampler

_MODULE = "comfy_extras.nodes_custom_sampler"
_OUTPUTS = (
    Output("LATENT", "output", tooltip="The latents at the last sigma, with noise where that is above 0."),
    Output("LATENT", "denoised_output", tooltip="The clean latents as the last step saw them."),
)


@node(title="SamplerCustom", category="sampling/custom_sampling", outputs=_OUTPUTS, module=_MODULE)
class SamplerCustom(Node):
    """Draws with any sampler and any sigmas."""

    model: Model = model_input()
    add_noise: bool = boolean(default=True, tooltip="Off where the latents still hold their noise.")
    noise_seed: int = seed_input()
    cfg: float = cfg_input()
    positive: Conditioning = positive_input()
    negative: Conditioning = negative_input()
    sampler: Sampler = socket("SAMPLER", tooltip="How each step removes noise.")
    sigmas: Tensor = socket("SIGMAS", tooltip="The noise levels to walk.")
    latent_image: Latent = latent_input()

    def run(self, ctx: NodeContext) -> tuple[Latent, Latent]:
        guider = CfgGuider(self.model, self.positive, self.negative, self.cfg)
        run = Run(sampler=self.sampler, sigmas=self.sigmas, noise=Noise(self.noise_seed, is_drawn=self.add_noise))
        return _drawn(ctx, guider, self.latent_image, run=run)


@node(title="SamplerCustomAdvanced", category="sampling/custom_sampling", outputs=_OUTPUTS, module=_MODULE)
class SamplerCustomAdvanced(Node):
    """Draws with any noise, guidance, sampler and sigmas."""

    noise: Noise = socket("NOISE", tooltip="What to start from besides the latents.")
    guider: Guider = socket("GUIDER", tooltip="The model with its prompts.")
    sampler: Sampler = socket("SAMPLER", tooltip="How each step removes noise.")
    sigmas: Tensor = socket("SIGMAS", tooltip="The noise levels to walk.")
    latent_image: Latent = latent_input()

    def run(self, ctx: NodeContext) -> tuple[Latent, Latent]:
        run = Run(sampler=self.sampler, sigmas=self.sigmas, noise=self.noise)
        return _drawn(ctx, self.guider, self.latent_image, run=run)


def _drawn(ctx: NodeContext, guider: Guider, latent: Latent, *, run: Run) -> tuple[Latent, Latent]:
    sampled = sample_custom(guider, latent, run=run, on_step=told(ctx, guider.model))
    return replace(latent, samples=sampled.samples), replace(latent, samples=sampled.denoised)


@node(
    title="RandomNoise",
    category="sampling/custom_sampling/noise",
    outputs=(Output("NOISE", tooltip="Noise of this seed."),),
    module=_MODULE,
)
class RandomNoise(Node):
    """Noise of a seed."""

    noise_seed: int = seed_input()

    def run(self, ctx: NodeContext) -> tuple[Noise]:
        return (Noise(self.noise_seed),)


@node(
    title="DisableNoise",
    category="sampling/custom_sampling/noise",
    outputs=(Output("NOISE", tooltip="No noise."),),
    module=_MODULE,
)
class DisableNoise(Node):
    """No noise: for latents that still hold theirs."""

    def run(self, ctx: NodeContext) -> tuple[Noise]:
        return (Noise(is_drawn=False),)


@node(
    title="AddNoise",
    category="_for_testing/custom_sampling/noise",
    outputs=(Output("LATENT", tooltip="The latents with noise."),),
    module=_MODULE,
)
class AddNoise(Node):
    """Adds as much noise to latents as the sigmas span, without drawing."""

    model: Model = socket("MODEL", tooltip="The model whose noise levels count.")
    noise: Noise = socket("NOISE", tooltip="The noise to add.")
    sigmas: Tensor = socket("SIGMAS", tooltip="From the first level to the last.")
    latent_image: Latent = socket("LATENT", tooltip="The latents to add noise to.")

    def run(self, ctx: NodeContext) -> tuple[Latent]:
        if len(self.sigmas) == 0:
            return (self.latent_image,)
        latent, model = self.latent_image, self.model
        level = (self.sigmas[0] - self.sigmas[-1]).abs() if len(self.sigmas) > 1 else self.sigmas[0]
        noise = self.noise.like(latent.samples, latent.batch_index)
        noisy = model.latent.to_raw(model.sampling.noised(scaled(model, latent.samples), noise, level))
        return (replace(latent, samples=torch.nan_to_num(noisy, nan=0.0, posinf=0.0, neginf=0.0)),)
