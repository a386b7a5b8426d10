"""What a job is doing: written by the thread that computes, read by the one that reports."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from studio_engine.graph.node import NodeSpec

Stage = Literal["loading", "encoding", "sampling", "decoding", "saving"]


def stage_of(spec: NodeSpec) -> Stage:
    """What people are told while a node of this kind runs: its sockets say what it does, whatever its category."""
    takes = {each.type for each in spec.inputs.values()}
    gives = {each.type for each in spec.outputs}
    if spec.is_output:
        return "saving"
    if "IMAGE" in gives and takes & {"VAE", "UPSCALE_MODEL"}:
        return "decoding"
    if "VAE" in takes or gives & {"CONDITIONING", "CLIP_VISION_OUTPUT"}:
        return "encoding"
    if "LATENT" in gives and takes & {"MODEL", "GUIDER"}:
        return "sampling"
    return "loading"


@dataclass(frozen=True)
class Progress:
    stage: Stage = "loading"
    step: int = 0
    steps: int = 0
    node_id: str | None = None
    eta_ms: int | None = None
    preview: bytes | None = None
    """JPEG, at most 64 KB; None when nothing new is to be seen."""


class ProgressBoard:
    """Holds the newest progress. `on_change` is called from the computing thread: it must not block."""

    def __init__(self, preview_interval_s: float, on_change: Callable[[], None] = lambda: None) -> None:
        self._preview_interval_s = preview_interval_s
        self._on_change = on_change
        self._lock = threading.Lock()
        self._progress = Progress()
        self._step_seconds: float | None = None
        self._step_started = time.monotonic()
        self._preview_due = self._step_started

    def enter(self, node_id: str, stage: Stage) -> None:
        self._step_seconds, self._step_started = None, time.monotonic()
        self._put(stage=stage, node_id=node_id, step=0, steps=0, eta_ms=None)

    def step(self, step: int, steps: int) -> None:
        now = time.monotonic()
        elapsed = now - self._step_started
        # The first step also warms up kernels and memory, so it is forgotten quickly.
        self._step_seconds = elapsed if self._step_seconds is None else 0.5 * self._step_seconds + 0.5 * elapsed
        self._step_started = now
        self._put(step=step, steps=steps, eta_ms=round(self._step_seconds * (steps - step) * 1000))

    def wants_preview(self) -> bool:
        """At most one preview per interval: each costs about a millisecond of the job's time."""
        return time.monotonic() >= self._preview_due

    def show(self, preview: bytes) -> None:
        self._preview_due = time.monotonic() + self._preview_interval_s
        self._put(preview=preview)

    def take(self) -> Progress:
        """The newest progress; its preview is handed out once."""
        with self._lock:
            taken = self._progress
            self._progress = replace(taken, preview=None)
            return taken

    def _put(self, **changes: object) -> None:
        with self._lock:
            self._progress = replace(self._progress, **changes)  # type: ignore[arg-type]  # fields of Progress
        self._on_change()
