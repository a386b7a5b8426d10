"""A whole text-to-image run of Stable Diffusion 1.5's size: the engine against diffusers as it is installed.

Reads one JSON request a line, `{"side": 256, "steps": 20, "seed": 1}`, and answers `{"drawMs": …, "cpuMs": …}`: prompt,
sampling with CFG and decoding. The weights are random, of the published sizes, the same in both. `--plain` runs
diffusers' own forward and scheduler in fp32 with contiguous memory and the allocator's defaults.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import EulerDiscreteScheduler
from safetensors.torch import save_file
from torch import Tensor

from bench.models import open_store, stock_plan
from bench.shaped import SD15, shaped_tensors
from studio_engine.models.families.unet.keys import ldm_key
from studio_engine.models.families.unet.modules import empty_unet
from studio_engine.models.open import checkpoint_parts
from studio_engine.models.store import ModelStore
from studio_engine.models.text.clip import ClipConfig, empty_clip
from studio_engine.models.vae import keys as vae_keys
from studio_engine.models.vae.config import VaeConfig
from studio_engine.models.vae.modules import empty_vae
from studio_engine.runtime.probe import choose_plan
from studio_engine.runtime.start_settings import ensure_start_settings
from studio_engine.sampling.model import Latent
from studio_engine.sampling.sample import SampleSettings, sample

NAME = "shaped.safetensors"
CFG = 7.0
PROMPTS = ("a castle on a hill", "blurry")
VAE = VaeConfig(
    in_channels=3, out_channels=3, latent_channels=4, widths=(128, 256, 512, 512), layers_per_block=2, norm_groups=32
)
CLIP = ClipConfig(49408, 77, width=768, inner_width=3072, layers=12, heads=12, is_quick=True, projection=None)

Draw = Callable[[int, int, int], None]
"""(side, steps, seed)"""


def write_checkpoint(models_dir: Path) -> None:
    """2.1 GB."""
    tensors = shaped_tensors(empty_unet(SD15), lambda name: "model.diffusion_model." + ldm_key(name, SD15))
    tensors |= shaped_tensors(empty_vae(VAE), lambda name: "first_stage_model." + vae_keys.ldm_key(name, VAE))
    tensors |= shaped_tensors(empty_clip(CLIP), lambda name: "cond_stage_model.transformer." + name)
    (models_dir / "checkpoints").mkdir(parents=True, exist_ok=True)
    save_file(tensors, models_dir / "checkpoints" / NAME)


def engine_draw(store: ModelStore) -> Draw:
    model, clip, vae = store.checkpoint(NAME)

    def draw(side: int, steps: int, seed: int) -> None:
        positive, negative = (clip.encode(prompt) for prompt in PROMPTS)
        settings = SampleSettings(seed=seed, steps=steps, cfg=CFG, sampler="euler", scheduler="normal")
        latent = Latent(torch.zeros(1, 4, side // 8, side // 8))
        samples = sample(model, latent, settings, positive=positive, negative=negative, on_step=lambda *_: None)
        vae.decode(samples)

    return draw


@dataclass(frozen=True)
class Plain:
    """The loop of a diffusers pipeline on the same modules."""

    modules: Mapping[str, Any]
    encode: Callable[[str], Tensor]

    @torch.no_grad()
    def draw(self, side: int, steps: int, seed: int) -> None:
        unet, vae = self.modules["network"], self.modules["vae"]
        scheduler = EulerDiscreteScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
        scheduler.set_timesteps(steps)
        context = torch.cat([self.encode(prompt) for prompt in reversed(PROMPTS)])
        noise = torch.randn(1, 4, side // 8, side // 8, generator=torch.Generator().manual_seed(seed))
        latents = noise * scheduler.init_noise_sigma
        for timestep in scheduler.timesteps:
            pair = scheduler.scale_model_input(torch.cat([latents, latents]), timestep)
            without, with_prompt = unet(pair, timestep, context, return_dict=False)[0].chunk(2)
            guided = without + CFG * (with_prompt - without)
            latents = scheduler.step(guided, timestep, latents, return_dict=False)[0]
        vae.decode(latents / 0.18215, return_dict=False)


def plain_draw(store: ModelStore) -> Draw:
    refs = checkpoint_parts(store.find("checkpoint", NAME)).refs
    _, clip, _ = store.checkpoint(NAME)
    return Plain({ref.part: store.part(ref).module for ref in refs}, lambda text: clip.encode(text)[0].context).draw


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plain", action="store_true")
    parser.add_argument("--models", type=Path, required=True, help="folder for the checkpoint, written when missing")
    arguments = parser.parse_args()
    if not arguments.plain:
        ensure_start_settings()
    if not (arguments.models / "checkpoints" / NAME).exists():
        write_checkpoint(arguments.models)
    with tempfile.TemporaryDirectory() as folder:
        plan = choose_plan(None, Path(folder) / "probe.json")
    if arguments.plain:
        plan = stock_plan(plan.threads)
    store = open_store(arguments.models, plan)
    draw = plain_draw(store) if arguments.plain else engine_draw(store)
    for line in sys.stdin:
        request = json.loads(line)
        started, cpu_started = time.perf_counter(), time.process_time()
        draw(request["side"], request["steps"], request["seed"])
        times = {
            "drawMs": (time.perf_counter() - started) * 1000,
            "cpuMs": (time.process_time() - cpu_started) * 1000,
        }
        sys.stdout.write(json.dumps(times) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
