"""The bare work of a picture, without platform or graph: what the benchmarks compare the studio with.

Reads one JSON request a line, `{"side": 256, "steps": 20, "seed": 1}`, and answers `{"drawMs": …, "stepMs": …}`:
sampling and decoding, and sampling alone divided by the steps. `--plain` computes as a stock installation does
(fp32, contiguous memory); otherwise as the engine has found best on this machine.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import torch

from bench.models import open_store, stock_plan
from studio_engine.runtime.probe import choose_plan
from studio_engine.runtime.start_settings import ensure_start_settings
from studio_engine.sampling.model import Latent
from studio_engine.sampling.sample import SampleSettings, sample


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plain", action="store_true")
    is_plain = parser.parse_args().plain
    if not is_plain:
        ensure_start_settings()
    folder = Path(tempfile.mkdtemp())
    plan = choose_plan(None, folder / "probe.json")
    if is_plain:
        plan = stock_plan(plan.threads)
    model, clip, vae = open_store(folder, plan).checkpoint("starter.safetensors")
    positive, negative = clip.encode("a castle"), clip.encode("")
    for line in sys.stdin:
        request = json.loads(line)
        side = request["side"] // 8
        settings = SampleSettings(
            seed=request["seed"], steps=request["steps"], cfg=5.0, sampler="euler", scheduler="normal"
        )
        started = time.perf_counter()
        latents = sample(
            model,
            Latent(torch.zeros(1, 4, side, side)),
            settings,
            positive=positive,
            negative=negative,
            on_step=lambda *_: None,
        )
        sampled = time.perf_counter()
        vae.decode(latents)
        ended = time.perf_counter()
        answer = {
            "drawMs": (ended - started) * 1000,
            "stepMs": (sampled - started) * 1000 / request["steps"],
            "plan": f"{plan.dtype_name}, {plan.threads} threads",
        }
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
