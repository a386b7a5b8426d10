"""Settings of the C libraries that only take effect at program start."""

from __future__ import annotations

import os
import sys
from typing import Final

from studio_engine.config import prepare_environment

# glibc hands every tensor above 32 MB back to the kernel at once; mapping it again costs more than the arithmetic on
# it (a Stable Diffusion 1.5 step at 256²: 6.1 s without, 2.1 s with these settings). One heap serves all threads: a
# thread's own ends at 64 MB, beyond which every tensor is mapped again (adding 1 to 100 MB of numbers on a computing
# thread: 65 ms, from the common heap 11 ms).
GLIBC_TUNABLES: Final = (
    "glibc.malloc.mmap_threshold=1073741824:glibc.malloc.trim_threshold=4294967296:glibc.malloc.top_pad=268435456"
    ":glibc.malloc.arena_max=1"
)
# How often a thread that waits for the others looks before it sleeps: some ten microseconds, the length of the pauses
# within a layer. A pass of a small UNet at 128², two threads on two cores: on idle cores 31 ms when threads look on and
# on (the library's default) and 50 ms when they sleep at once; on busy ones 280 ms and more when they look for a
# hundred microseconds, 80 to 180 ms with this.
SPIN_COUNT: Final = "1000"


def ensure_start_settings() -> None:
    """Starts this program again with the settings when the launcher has not set them. Call before importing torch."""
    # Nothing is ever fetched from a model hub: files come from the operator alone.
    wanted = {"GLIBC_TUNABLES": GLIBC_TUNABLES, "GOMP_SPINCOUNT": SPIN_COUNT, "HF_HUB_OFFLINE": "1"}
    changed = [name for name, value in wanted.items() if prepare_environment(name, value)]
    if sys.platform == "linux" and changed:
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
