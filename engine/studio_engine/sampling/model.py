"""What sampling needs of a model: one denoise call, its noise levels, its latent format."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from typing import Protocol

import torch
from torch import Tensor

from studio_engine.sampling.conditioning import Cond, Conditioning, NetInput, RunInfo
from studio_engine.sampling.hooks import GuidanceHooks, HookCall, NetworkHooks
from studio_engine.sampling.model_sampling import ModelSampling

__all__ = ["Cond", "Conditioning", "HookCall", "Latent", "LatentFormat", "Model", "NetInput", "Network", "RunInfo"]


@dataclass(frozen=True, eq=False)
class Latent:
    """Raw VAE latents, as ComfyUI's `{"samples": …, "batch_index": …, "noise_mask": …}`."""

    samples: Tensor
    """`[batch, channels, height / 8, width / 8]`, fp32 on the CPU, in the VAE's own scale."""
    batch_index: tuple[int, ...] | None = None
    """Which row of the seed's noise each row takes; None = 0, 1, 2, …"""
    mask: Tensor | None = None
    """`[rows, h, w]` or `[rows, 1, h, w]` in 0…1, of any size: 1 = draw anew, 0 = keep. None = draw all anew."""


@dataclass(frozen=True)
class LatentFormat:
    """How a family's network sees the VAE's latents: `(raw − shift) · scale`."""

    channels: int = 4
    scale: float = 0.18215
    shift: float = 0.0
    cells: int = 8
    """Pixels per latent cell and side."""
    mean: tuple[float, ...] = ()
    """Per channel, in place of `shift`."""
    deviation: tuple[float, ...] = ()
    """Per channel: raw latents are divided by it too."""

    def to_model(self, raw: Tensor) -> Tensor:
        if self.mean:
            return (raw - _per_channel(self.mean, raw)) / _per_channel(self.deviation, raw) * self.scale
        return (raw - self.shift) * self.scale

    def to_raw(self, latents: Tensor) -> Tensor:
        if self.mean:
            return latents / self.scale * _per_channel(self.deviation, latents) + _per_channel(self.mean, latents)
        return latents / self.scale + self.shift

    def fitted(self, raw: Tensor) -> Tensor:
        """Empty latents of any number of channels, at the format's own; others as they are."""
        if raw.shape[1] == self.channels or raw.count_nonzero() > 0:
            return raw
        return raw.new_zeros((raw.shape[0], self.channels, *raw.shape[2:]))


def _per_channel(values: tuple[float, ...], like: Tensor) -> Tensor:
    return like.new_tensor(values).view(-1, 1, 1)


class Network(Protocol):
    """A network bound to its weights, device and dtype, under a light name: resolved when it computes."""

    @property
    def family(self) -> str:
        """`sd1`, `sdxl`, `flux`, …"""
        ...

    @property
    def batch_key(self) -> Hashable:
        """Equal for networks whose rows may share a forward: same weights, same adapters."""
        ...

    @property
    def device(self) -> torch.device:
        """Where `predict` wants its tensors."""
        ...

    def prepare(self, cond: Cond, prompt: int, run: RunInfo) -> NetInput:
        """The tensors that this family reads of a prompt, one row or one per row of the batch; made once per run.

        `prompt` is 0 for the positive and 1 for the negative list. Controls are not its affair.
        """
        ...

    def predict(self, x: Tensor, timestep: Tensor, inputs: NetInput, hooks: NetworkHooks, sigma: Tensor) -> Tensor:
        """The network's raw output, fp32 like `x` `[rows, channels, h, w]`, which is scaled already.

        `timestep` and `sigma` are `[rows]`.
        """
        ...

    def to_rgb(self, latents: Tensor) -> Tensor:
        """Rough colours of latents as the model sees them: `[batch, h, w, 3]` in 0…1 on the CPU."""
        ...


@dataclass(frozen=True, eq=False)
class Model:
    """MODEL: a network, what its noise levels mean, and what a graph has changed about both."""

    network: Network
    sampling: ModelSampling
    latent: LatentFormat = LatentFormat()
    hooks: NetworkHooks = field(default_factory=NetworkHooks)
    guidance: GuidanceHooks = field(default_factory=GuidanceHooks)

    @property
    def device(self) -> torch.device:
        return self.network.device

    def denoise(self, x: Tensor, sigma: Tensor, inputs: NetInput) -> Tensor:
        """The clean latents expected behind `x` = clean + sigma · noise (or a flow's mix of both).

        `x` is fp32 `[rows, channels, h, w]`, `sigma` `[rows]`; the answer is fp32 like `x`.
        """
        level = sigma.to(x.device).view(-1, *[1] * (x.dim() - 1))
        timestep = self.sampling.timestep(sigma).to(x.device)
        output = self.network.predict(self.sampling.scaled_input(x, level), timestep, inputs, self.hooks, sigma)
        return self.sampling.denoised(x, level, output)

    def with_hooks(self, hooks: NetworkHooks) -> Model:
        """These hooks after those that are there."""
        return replace(self, hooks=self.hooks + hooks)

    def with_guidance(self, guidance: GuidanceHooks) -> Model:
        return replace(self, guidance=guidance)
