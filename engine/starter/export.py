"""Writes the three networks as one fp16 file in Stable Diffusion 1's layout, with metadata for what no shape tells."""

import argparse
from pathlib import Path

from safetensors.torch import save_file
from torch import Tensor

from .checkpoint import Trained, load_trained
from .layout import text_key, unet_key, vae_key
from .models import DEFAULT_WIDTHS, GROUPS_UNET, GROUPS_VAE, Widths

SD1_LATENT_SCALE = 0.18215
MAX_FILE_BYTES = 96 * 1024 * 1024
WEIGHTS = Path(__file__).with_name("weights") / "starter.safetensors"


def fold_normalisation(vae: dict[str, Tensor], mean: Tensor, deviation: Tensor) -> dict[str, Tensor]:
    """Moves the per-channel normalisation into the 1x1 convolutions around the latent, so that SD1's constant is right.

    The UNet works on u = (z - mean) / deviation; the file's latent is u / 0.18215.
    """
    folded = {name: value.double() for name, value in vae.items()}
    scale = (deviation * SD1_LATENT_SCALE).double()
    # The first four outputs of quant_conv are means, the last four log variances.
    folded["quant_conv.weight"][:4] /= scale.view(-1, 1, 1, 1)
    folded["quant_conv.bias"][:4] = (folded["quant_conv.bias"][:4] - mean) / scale
    folded["quant_conv.bias"][4:] -= 2 * scale.log()
    outward = folded["post_quant_conv.weight"]
    folded["post_quant_conv.bias"] += outward[:, :, 0, 0] @ mean.double()
    folded["post_quant_conv.weight"] = outward * scale.view(1, -1, 1, 1)
    return folded


def to_single_file(trained: Trained) -> dict[str, Tensor]:
    """fp16 tensors under SD1's names. The autoencoder's attention becomes 1x1 convolutions, as there."""
    tensors = {text_key(name): value for name, value in trained.text.state_dict().items() if "position_ids" not in name}
    tensors |= {unet_key(name): value for name, value in trained.unet.state_dict().items()}
    for name, value in fold_normalisation(trained.autoencoder.state_dict(), trained.mean, trained.deviation).items():
        is_projection = "attentions" in name and value.ndim == 2
        tensors[vae_key(name)] = value[:, :, None, None] if is_projection else value
    return {key: value.detach().half().contiguous() for key, value in tensors.items()}


def describe(trained: Trained, widths: Widths, size_px: int) -> dict[str, str]:
    """The header's metadata; FORMAT.md explains the keys."""
    return {
        "studio.family": "sd1",
        "studio.unet_heads": str(widths.unet_heads),
        "studio.unet_norm_groups": str(GROUPS_UNET),
        "studio.vae_norm_groups": str(GROUPS_VAE),
        "studio.text_heads": str(widths.text_heads),
        "studio.latent_scale": str(SD1_LATENT_SCALE),
        "studio.native_size": str(size_px),
        "studio.trained_steps": str(trained.steps),
        "studio.trained_examples": str(trained.examples),
        "modelspec.sai_model_spec": "1.0.0",
        "modelspec.architecture": "stable-diffusion-v1",
        "modelspec.implementation": "https://github.com/CompVis/stable-diffusion",
        "modelspec.title": "AI Studio starter",
        "modelspec.description": "Small text-to-image model for single objects, trained on openly licensed artwork.",
        "modelspec.license": "Apache-2.0",
        "modelspec.resolution": f"{size_px}x{size_px}",
        "modelspec.prediction_type": "epsilon",
        "format": "pt",
    }


def export(folder: Path, file: Path, size_px: int = 128, widths: Widths = DEFAULT_WIDTHS) -> None:
    """Raises ValueError where the file would exceed what the repository holds or has values that are not finite."""
    trained = load_trained(folder, widths)
    tensors = to_single_file(trained)
    broken = [key for key, value in tensors.items() if not bool(value.isfinite().all())]
    if broken:
        raise ValueError(f"values that fp16 cannot hold: {broken[:3]}")
    total = sum(value.numel() * 2 for value in tensors.values())
    if total > MAX_FILE_BYTES:
        raise ValueError(f"{total} bytes of weights, limit {MAX_FILE_BYTES}")
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_suffix(".partial")
    save_file(tensors, partial, describe(trained, widths, size_px))
    partial.chmod(0o644)
    partial.rename(file)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="working folder of a run")
    parser.add_argument("--file", type=Path, default=WEIGHTS)
    parser.add_argument("--size", type=int, default=128, help="pixels per side it was trained at")
    given = parser.parse_args()
    export(given.folder, given.file, given.size)


if __name__ == "__main__":
    main()
