"""Settings of the C libraries that only take effect at program start."""

from __future__ import annotations

import os
import sys
from typing import Final

from studio_engine.config import prepare_environment

# glibc hands every tensor above 32 MB back to the kernel at once; mapping it again costs more than the arithmetic on
# it (a Stable Diffusion 1.5 step at 256²: 6.1 s without, 2.1 s with these settings).
GLIBC_TUNABLES: Final = (
    "glibc.malloc.mmap_threshold=1073741824:glibc.malloc.trim_threshold=4294967296:glibc.malloc.top_pad=268435456"
)
# Threads that wait for each other sleep instead of spinning. The machine is shared with the api, the database and a
# browser: on two busy cores a step took 11.4 s (1.8 s of CPU, nearly all spinning), with this 0.5 s (0.12 s of CPU).
OMP_WAIT_POLICY: Final = "PASSIVE"


def ensure_start_settings() -> None:
    """Starts this program again with the settings when the launcher has not set them. Call before importing torch."""
    # Nothing is ever fetched from a model hub: files come from the operator alone.
    wanted = {"GLIBC_TUNABLES": GLIBC_TUNABLES, "OMP_WAIT_POLICY": OMP_WAIT_POLICY, "HF_HUB_OFFLINE": "1"}
    changed = [name for name, value in wanted.items() if prepare_environment(name, value)]
    if sys.platform == "linux" and changed:
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
