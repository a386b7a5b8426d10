"""Which processor trains, and in which number format."""

from contextlib import AbstractContextManager
from pathlib import Path

import torch
from torch import nn


def choose_device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def has_fast_bfloat16() -> bool:
    """Without AVX512-BF16 or AMX, bfloat16 on a CPU is hundreds of times slower than float32."""
    cpuinfo = Path("/proc/cpuinfo")
    return cpuinfo.exists() and "avx512_bf16" in cpuinfo.read_text()


def autocast(device: torch.device) -> AbstractContextManager[None]:
    is_on = device.type == "cuda" or has_fast_bfloat16()
    return torch.autocast(device.type, torch.bfloat16, enabled=is_on)


def place(module: nn.Module, device: torch.device) -> None:
    """Moves a network to `device`, convolution weights channels-last: on a CPU twice as fast in bfloat16."""
    module.to(device)
    for parameter in module.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
