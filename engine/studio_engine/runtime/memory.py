"""Memory: refuse what cannot fit before it is tried, and turn a failed allocation into advice."""

from __future__ import annotations

import re
from pathlib import Path

import torch

from studio_engine.errors import EngineError

_ADVICE = "use a smaller size or fewer pictures at once."
# Asking the kernel costs 50 µs; not worth it for what every machine has.
_ALWAYS_FITS_BYTES = 64 * 1024 * 1024
_FAILED_ALLOCATION = re.compile(r"can't allocate memory|out of memory|DefaultCPUAllocator|bad_alloc", re.IGNORECASE)


def available_bytes(device: torch.device) -> int:
    """What could be allocated now without swapping."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    text = Path("/proc/meminfo").read_text("ascii")
    match = re.search(r"^MemAvailable:\s+(\d+) kB", text, re.MULTILINE)
    return int(match[1]) * 1024 if match else 2**40


def check_fits(needed_bytes: int, device: torch.device) -> None:
    """Raises `engine.out_of_memory`. Without this the kernel would end the whole engine, not one job."""
    if needed_bytes < _ALWAYS_FITS_BYTES:
        return
    available = available_bytes(device)
    if needed_bytes > available:
        raise EngineError(
            "engine.out_of_memory",
            f"This needs about {needed_bytes / 1e9:.1f} GB of memory and {available / 1e9:.1f} GB are free; {_ADVICE}",
        )


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an allocation failed, or was refused because it would."""
    if isinstance(error, EngineError):
        return error.code == "engine.out_of_memory"
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and _FAILED_ALLOCATION.search(str(error)) is not None


def as_out_of_memory(error: BaseException) -> EngineError | None:
    """The coded error for a failed allocation; None for any other failure."""
    if isinstance(error, EngineError) or not is_out_of_memory(error):
        return None
    return EngineError("engine.out_of_memory")
