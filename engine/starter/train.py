"""The one command that makes the starter model: data, autoencoder, text encoder and UNet, decoder, export, sheet.

    python -m starter.train --minutes 240

from the folder `engine`. Run it again after an interruption, or with more minutes, and it goes on where it stopped.
"""

import argparse
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .concepts import Artwork, load_artwork
from .device import choose_device, place
from .examples import Composer
from .export import WEIGHTS, export
from .latents import encode_examples, save_latents
from .models import DEFAULT_WIDTHS, load_autoencoder
from .sample_sheet import write_noun_sheet
from .train_autoencoder import AutoencoderPlan, train_autoencoder
from .train_diffusion import Plan, train_diffusion

HERE = Path(__file__).parent
# Shares of the minutes. Encoding the latents comes on top: about two minutes on two cores.
AUTOENCODER_SHARE = 0.25
DECODER_SHARE = 0.1
CPU_EXAMPLES = 5000
CUDA_EXAMPLES = 60_000
# From here on a processor's run, too, sees its objects in varied sizes and places.
LONG_RUN_MINUTES = 600


@dataclass(frozen=True)
class Run:
    """folder: where data, latents and states live between runs."""

    folder: Path
    minutes: float
    size_px: int
    examples: int
    output: Path


def prepare_data(run: Run) -> Artwork:
    """Installs the artwork packages beside the data and renders them, once per size."""
    if not (run.folder / f"rgba_{run.size_px}.u8").exists():
        tools = run.folder / "data-tools"
        tools.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json", "prepare.mjs", "concepts.tsv"):
            shutil.copy(HERE / name, tools / name)
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=tools, check=True)
        subprocess.run(["node", "prepare.mjs", str(run.folder.resolve()), str(run.size_px)], cwd=tools, check=True)
    return load_artwork(run.folder, run.size_px)


def cache_latents(run: Run, artwork: Artwork) -> None:
    if (run.folder / "latents.safetensors").exists():
        return
    device = choose_device()
    autoencoder = load_autoencoder(run.folder / "autoencoder.safetensors", DEFAULT_WIDTHS)
    place(autoencoder, device)
    is_moved = device.type == "cuda" or run.minutes >= LONG_RUN_MINUTES
    composer = Composer(artwork, seed=1, is_moved=is_moved)
    save_latents(run.folder, encode_examples(composer, autoencoder, run.examples))


def diffusion_plan(run: Run) -> Plan:
    minutes = run.minutes * (1 - AUTOENCODER_SHARE - DECODER_SHARE)
    if choose_device().type == "cuda":
        return Plan(run.folder, minutes, DEFAULT_WIDTHS, batch=256, learning_rate=6e-4, workers=1)
    return Plan(run.folder, minutes, DEFAULT_WIDTHS)


def train(run: Run) -> None:
    """Each stage is skipped when its minutes are used up already; every stage resumes."""
    artwork = prepare_data(run)
    train_stage = AutoencoderPlan(run.folder, run.minutes * AUTOENCODER_SHARE, DEFAULT_WIDTHS)
    if not (run.folder / "latents.safetensors").exists():
        # Once latents are cached, the encoder that made them is fixed.
        train_autoencoder(artwork, train_stage)
    cache_latents(run, artwork)
    train_diffusion(diffusion_plan(run))
    polish = AutoencoderPlan(
        run.folder, run.minutes * DECODER_SHARE, DEFAULT_WIDTHS, is_encoder_frozen=True, learning_rate=2e-4
    )
    train_autoencoder(artwork, polish)
    export(run.folder, run.output, run.size_px)
    write_noun_sheet(run.folder, run.folder / "contact-sheet.png", run.size_px)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=240, help="of training, all resumed runs together")
    parser.add_argument("--size", type=int, help="pixels per side, a multiple of 64 (default: 128, with CUDA 256)")
    parser.add_argument("--examples", type=int, help="latents to encode (default: 5,000, with CUDA 60,000)")
    parser.add_argument("--folder", type=Path, default=HERE / "work", help="data, latents and states")
    parser.add_argument("--output", type=Path, default=WEIGHTS)
    given = parser.parse_args()
    is_cuda = choose_device().type == "cuda"
    size_px = given.size or (256 if is_cuda else 128)
    examples = given.examples or (CUDA_EXAMPLES if is_cuda else CPU_EXAMPLES)
    train(Run(given.folder, given.minutes, size_px, examples, given.output))


if __name__ == "__main__":
    main()
