"""How this process computes: decided once at start, by measurement."""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class ComputePlan:
    device: torch.device
    unet_dtype: torch.dtype
    vae_dtype: torch.dtype
    is_channels_last: bool
    threads: int
    device_name: str = "CPU"

    @property
    def dtype_name(self) -> str:
        return str(self.unet_dtype).removeprefix("torch.")


def plain_plan(threads: int = 1) -> ComputePlan:
    """The reference: fp32 on the CPU."""
    return ComputePlan(torch.device("cpu"), torch.float32, torch.float32, is_channels_last=True, threads=threads)
