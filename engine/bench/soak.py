"""Whether memory stays where it is over many jobs: prints the slope of the process's memory, in bytes per job.

The jobs are whole graphs, some at once, with new seeds and prompts, so that the result cache turns over all the time.
The slope is fitted to the second half: the first fills caches and the heap.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.models import MODEL_BYTES, find_models
from studio_engine.graph.cache import ResultCache
from studio_engine.jobs.cancel import CancelToken
from studio_engine.jobs.progress import ProgressBoard
from studio_engine.jobs.run import Engine, JobRequest, run_job
from studio_engine.models.store import ModelStore
from studio_engine.nodes import NODES
from studio_engine.runtime.probe import choose_plan
from studio_engine.runtime.start_settings import ensure_start_settings

AT_ONCE = 4
CACHE_BYTES = 4 * 2**20


class Soak:
    def __init__(self, folder: Path) -> None:
        plan = choose_plan(None, folder / "probe.json")
        inventory = find_models(folder)
        self.store = ModelStore(inventory, plan, MODEL_BYTES)
        self.engine = Engine(NODES, inventory, self.store, ResultCache(CACHE_BYTES))
        self.resident: list[int] = []
        self.lock = threading.Lock()

    def run(self, number: int) -> None:
        token = CancelToken()
        with self.store.batcher.seat(token.check):
            outcome = run_job(self.engine, JobRequest(graph(number), "team"), ProgressBoard(0.25), token)
        assert len(outcome.outputs) == 1
        with self.lock:
            self.resident.append(resident_bytes())


def graph(number: int) -> Mapping[str, object]:
    def node(class_type: str, **inputs: object) -> dict[str, object]:
        return {"class_type": class_type, "inputs": inputs}

    return {
        "model": node("CheckpointLoaderSimple", ckpt_name="starter.safetensors"),
        "positive": node("CLIPTextEncode", text=f"a castle {number}", clip=["model", 1]),
        "negative": node("CLIPTextEncode", text="", clip=["model", 1]),
        "empty": node("EmptyLatentImage", width=64, height=64 + 8 * (number % 3), batch_size=1),
        "sampler": node(
            "KSampler",
            model=["model", 0],
            seed=number,
            steps=2,
            cfg=5.0,
            sampler_name=("euler", "dpmpp_2m", "euler_ancestral")[number % 3],
            scheduler="normal",
            positive=["positive", 0],
            negative=["negative", 0],
            latent_image=["empty", 0],
            denoise=1.0,
        ),
        "decode": node("VAEDecode", samples=["sampler", 0], vae=["model", 2]),
        "save": node("SaveImage", images=["decode", 0], filename_prefix="soak"),
    }


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=500)
    jobs = parser.parse_args().jobs
    ensure_start_settings()
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(AT_ONCE) as pool:
        soak = Soak(Path(name))
        for future in [pool.submit(soak.run, number) for number in range(jobs)]:
            future.result()
    second_half = soak.resident[jobs // 2 :]
    line = statistics.linear_regression(range(len(second_half)), second_half)
    answer = {
        "jobs": jobs,
        "slopeBytesPerJob": round(line.slope),
        "startMb": round(soak.resident[0] / 1e6),
        "middleMb": round(second_half[0] / 1e6),
        "endMb": round(second_half[-1] / 1e6),
    }
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
