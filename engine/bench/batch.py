"""What several small jobs gain by sharing forwards: eight at once against the same eight one after the other.

Prints one JSON line per case: `ratio`, `min`, `max` of wall time and `cpuRatio` of CPU time, over pairs of turns taken
in alternation. `overheadUs` is what the batcher costs a lone forward.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from bench.models import open_store
from bench.shaped import NAME, shaped_prompt, write_shaped
from studio_engine.denoise.batcher import Batcher
from studio_engine.denoise.request import Request
from studio_engine.models.open import open_network
from studio_engine.models.store import ModelStore
from studio_engine.runtime.plan import ComputePlan
from studio_engine.runtime.probe import choose_plan
from studio_engine.runtime.start_settings import ensure_start_settings
from studio_engine.sampling.conditioning import Conditioning, NetInput
from studio_engine.sampling.hooks import NetworkHooks
from studio_engine.sampling.model import Latent, Model
from studio_engine.sampling.sample import SampleSettings, sample

JOBS = 8


@dataclass(frozen=True)
class Case:
    name: str
    model: Model
    batcher: Batcher
    prompts: tuple[Conditioning, Conditioning]
    side: int
    steps: int

    def draw(self, seed: int) -> None:
        cells = self.side // self.model.latent.cells
        settings = SampleSettings(seed=seed, steps=self.steps, cfg=5.0, sampler="euler", scheduler="normal")
        latent = Latent(torch.zeros(1, self.model.latent.channels, cells, cells))
        positive, negative = self.prompts
        sample(self.model, latent, settings, positive=positive, negative=negative, on_step=lambda *_: None)

    def in_a_row(self) -> None:
        for seed in range(JOBS):
            self.draw(seed)

    def at_once(self) -> None:
        threads = [threading.Thread(target=self._seated, args=(seed,)) for seed in range(JOBS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _seated(self, seed: int) -> None:
        with self.batcher.seat(lambda: None):
            self.draw(seed)


def measured(case: Case, rounds: int) -> dict[str, object]:
    case.in_a_row()
    # The first turns teach the batcher how many rows pay.
    case.at_once()
    case.at_once()
    pairs = [(_timed(case.in_a_row), _timed(case.at_once)) for _ in range(rounds)]
    ratios = [row[0] / once[0] for row, once in pairs]
    return {
        "name": case.name,
        "jobMs": round(1000 * statistics.median(once[0] for _, once in pairs) / JOBS, 1),
        "ratio": round(statistics.median(ratios), 2),
        "min": round(min(ratios), 2),
        "max": round(max(ratios), 2),
        "cpuRatio": round(statistics.median(row[1] / once[1] for row, once in pairs), 2),
    }


def _timed(work: Callable[[], None]) -> tuple[float, float]:
    """Wall and CPU seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def overhead_us() -> float:
    """Of a lone request, in CPU time: through the batcher less without it."""
    batcher, calls = Batcher(), 2000
    x, level = torch.zeros(2, 4, 8, 8), torch.ones(2)
    request = Request("n", x, level, NetInput(torch.zeros(2, 77, 768)), NetworkHooks(), level)

    def spent(call: Callable[[], object]) -> float:
        started = time.thread_time()
        for _ in range(calls):
            call()
        return 1e6 * (time.thread_time() - started) / calls

    with batcher.seat(lambda: None):
        through = min(spent(lambda: batcher.run(request, lambda x, *_: x)) for _ in range(5))
    return through - min(spent(lambda: request.answered(lambda x, *_: x)) for _ in range(5))


def starter(store: ModelStore, side: int) -> Case:
    model, clip, _ = store.checkpoint("starter.safetensors")
    prompts = clip.encode("a castle"), clip.encode("")
    return Case(f"starter model at {side}²", model, store.batcher, prompts, side, steps=10)


def shaped(folder: Path, plan: ComputePlan) -> Case:
    write_shaped(folder)
    store = open_store(folder, plan)
    model = open_network(store, store.find("diffusion_model", NAME))
    return Case(
        "Stable Diffusion 1.5's size at 64²", model, store.batcher, (shaped_prompt(1), shaped_prompt(2)), 64, steps=4
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--shaped", action="store_true", help="also a network of Stable Diffusion 1.5's size (2 GB on disk)"
    )
    arguments = parser.parse_args()
    ensure_start_settings()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plan = choose_plan(None, folder / "probe.json")
        tell({"name": "lone forward", "overheadUs": round(overhead_us(), 1)})
        store = open_store(folder, plan)
        for side in (64, 128):
            tell(measured(starter(store, side), arguments.rounds))
        if arguments.shaped:
            tell(measured(shaped(folder, plan), arguments.rounds))


def tell(line: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
