"""Chooses how to compute by measuring this machine once; the answer is remembered per CPU model.

bf16 is twice as fast as fp32 on a CPU that has AVX512_BF16 or AMX and hundreds of times slower on one that has not
(0.3 against 131 GFLOP/s on Zen 3), so it is never a default.
"""

from __future__ import annotations

import json
import logging
import os
import re
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from torch import nn
from torch.backends import mkldnn
from torch.nn import functional

from studio_engine.runtime.packing import pack
from studio_engine.runtime.plan import ComputePlan

log = logging.getLogger(__name__)

# Raise when the measurement or what is read from it changes.
_VERSION = 2
# What bf16 must win to be worth its rounding.
_MIN_BF16_GAIN = 1.2
# What contiguous pictures must win in convolutions: attention reads tokens, which lie next to each other channels last.
_MIN_CONTIGUOUS_GAIN = 1.1
# What packed weights must win in a deep layer to be worth the seconds that packing takes at load.
_MIN_PACKED_GAIN = 1.1
_REPEATS = 4


@dataclass(frozen=True)
class Rates:
    """GFLOP/s of one thread."""

    fp32_linear: float
    fp32_conv: float
    fp32_conv_channels_last: float
    bf16_linear: float | None
    """None where the CPU has no bf16 instructions: trying would take seconds."""
    bf16_conv: float | None
    packed_gain: float | None
    """How many times faster a deep convolution is with packed weights; None where torch was built without oneDNN."""


def choose_plan(threads: int | None, cache_file: Path) -> ComputePlan:
    """Sets torch's thread count for the process. Under a second on the CPU, microseconds when remembered."""
    if torch.cuda.is_available():
        dtype = torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
        vae_dtype = torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
        name = torch.cuda.get_device_name()
        return ComputePlan(torch.device("cuda"), dtype, vae_dtype, is_channels_last=True, threads=1, device_name=name)
    cpu = Path("/proc/cpuinfo").read_text("utf-8")
    count = threads or physical_cores(cpu)
    torch.set_num_threads(count)
    name = cpu_model(cpu)
    key = f"{_VERSION} {name} {count} {torch.__version__}"
    rates = _remembered(cache_file, key)
    if rates is None:
        started = time.monotonic()
        rates = measure(has_bf16=re.search(r"\b(avx512_bf16|amx_bf16)\b", cpu) is not None)
        log.info("measured %s in %.2f s", rates, time.monotonic() - started)
        _remember(cache_file, key, rates)
    plan = replace(plan_for(rates, count), device_name=name)
    log.info(
        "%s, %d threads: %s, channels last %s, packed %s",
        *(name, count, plan.dtype_name, plan.is_channels_last, plan.is_packed),
    )
    return plan


def plan_for(rates: Rates, threads: int) -> ComputePlan:
    is_bf16 = (
        rates.bf16_linear is not None
        and rates.bf16_conv is not None
        and rates.bf16_linear >= _MIN_BF16_GAIN * rates.fp32_linear
        and rates.bf16_conv >= _MIN_BF16_GAIN * max(rates.fp32_conv, rates.fp32_conv_channels_last)
    )
    dtype = torch.bfloat16 if is_bf16 else torch.float32
    return ComputePlan(
        device=torch.device("cpu"),
        unet_dtype=dtype,
        vae_dtype=dtype,
        is_channels_last=rates.fp32_conv < _MIN_CONTIGUOUS_GAIN * rates.fp32_conv_channels_last,
        threads=threads,
        is_packed=rates.packed_gain is not None and rates.packed_gain >= _MIN_PACKED_GAIN,
    )


@torch.no_grad()
def measure(*, has_bf16: bool) -> Rates:
    """Shapes from the middle of a Stable Diffusion 1 UNet: about 0.3 GFLOP each.

    One thread, timed by its own CPU time: what other processes do meanwhile must not decide, as the answer is kept.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return _rates(has_bf16=has_bf16)
    finally:
        torch.set_num_threads(threads)


def _rates(*, has_bf16: bool) -> Rates:
    return Rates(
        fp32_linear=_linear_rate(torch.float32),
        fp32_conv=_conv_rate(torch.float32, torch.contiguous_format),
        fp32_conv_channels_last=_conv_rate(torch.float32, torch.channels_last),
        bf16_linear=_linear_rate(torch.bfloat16) if has_bf16 else None,
        bf16_conv=_conv_rate(torch.bfloat16, torch.channels_last) if has_bf16 else None,
        packed_gain=_packed_gain(torch.bfloat16 if has_bf16 else torch.float32) if _has_blocked_kernels() else None,
    )


def _has_blocked_kernels() -> bool:
    return bool(mkldnn.is_available())  # type: ignore[no-untyped-call]  # torch has not typed it


def _linear_rate(dtype: torch.dtype) -> float:
    rows, width = 256, 768
    x, weight = torch.ones(rows, width, dtype=dtype), torch.ones(width, width, dtype=dtype)
    return 2e-9 * rows * width * width / _fastest(lambda: functional.linear(x, weight))


def _conv_rate(dtype: torch.dtype, layout: torch.memory_format) -> float:
    channels, side = 128, 32
    x = torch.ones(1, channels, side, side, dtype=dtype).contiguous(memory_format=layout)
    weight = torch.ones(channels, channels, 3, 3, dtype=dtype).contiguous(memory_format=layout)
    flops = 2 * 9 * channels * channels * side * side
    return 1e-9 * flops / _fastest(lambda: functional.conv2d(x, weight, padding=1))


def _packed_gain(dtype: torch.dtype) -> float:
    """At the bottom of a UNet, where weights outnumber pixels and laying them out anew costs most."""
    channels, side = 256, 8
    x = torch.ones(1, channels, side, side, dtype=dtype).contiguous(memory_format=torch.channels_last)
    layers = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1, dtype=dtype))
    plain = _fastest(lambda: layers(x))
    pack(layers)
    return plain / _fastest(lambda: layers(x))


def _fastest(run: Callable[[], object]) -> float:
    """Seconds of the best of a few runs: the others met cold code."""
    best = float("inf")
    for _ in range(_REPEATS):
        started = time.thread_time()
        run()
        best = min(best, time.thread_time() - started)
    return best


def physical_cores(cpuinfo: str) -> int:
    """Cores that this process may use, not counting a core's second thread: it shares the arithmetic units."""
    pairs = set(re.findall(r"^physical id\s*: (\d+)$.*?^core id\s*: (\d+)$", cpuinfo, re.MULTILINE | re.DOTALL))
    usable = len(os.sched_getaffinity(0))
    return max(1, min(len(pairs) or usable, usable))


def cpu_model(cpuinfo: str) -> str:
    fields = [re.search(rf"^{name}\s*: (.+)$", cpuinfo, re.MULTILINE) for name in ("model name", "cpu family", "model")]
    return " ".join(field[1] for field in fields if field) or "unknown CPU"


def _remembered(file: Path, key: str) -> Rates | None:
    try:
        return Rates(**json.loads(file.read_text("utf-8"))[key])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _remember(file: Path, key: str, rates: Rates) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({key: asdict(rates)}), "utf-8")
