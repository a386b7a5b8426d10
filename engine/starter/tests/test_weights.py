"""The shipped file is a trained Stable Diffusion 1 single file of the announced size."""

from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from starter.export import MAX_FILE_BYTES, WEIGHTS
from starter.layout import TEXT_PREFIX, UNET_PREFIX, VAE_PREFIX, text_key, unet_key, vae_key
from starter.models import DEFAULT_WIDTHS, build_autoencoder, build_text_encoder, build_unet

METADATA = {
    "studio.family": "sd1",
    "studio.unet_heads": str(DEFAULT_WIDTHS.unet_heads),
    "studio.text_heads": str(DEFAULT_WIDTHS.text_heads),
    "studio.latent_scale": "0.18215",
    "modelspec.architecture": "stable-diffusion-v1",
    "modelspec.license": "Apache-2.0",
}


@pytest.fixture(scope="module")
def weights() -> Path:
    if WEIGHTS.stat().st_size < 1024:
        pytest.fail("weights/starter.safetensors is a large-file pointer: fetch the file itself")
    return WEIGHTS


def test_size(weights: Path) -> None:
    assert weights.stat().st_size <= MAX_FILE_BYTES


def test_header_names_what_shapes_do_not_tell(weights: Path) -> None:
    with safe_open(weights, "pt") as file:
        found = file.metadata()
    assert METADATA.items() <= found.items()
    assert int(found["studio.trained_steps"]) > 0
    assert int(found["studio.unet_norm_groups"]) > 0
    assert int(found["studio.vae_norm_groups"]) > 0


def test_every_tensor_of_the_layout_is_there_and_no_other(weights: Path) -> None:
    expected = {unet_key(name) for name in build_unet().state_dict()}
    expected |= {vae_key(name) for name in build_autoencoder().state_dict()}
    expected |= {text_key(name) for name in build_text_encoder().state_dict() if "position_ids" not in name}
    with safe_open(weights, "pt") as file:
        assert set(file.keys()) == expected
    assert all(key.startswith((TEXT_PREFIX, UNET_PREFIX, VAE_PREFIX)) for key in expected)


def test_landmarks_of_the_layout(weights: Path) -> None:
    with safe_open(weights, "pt") as file:
        shapes = {key: tuple(file.get_slice(key).get_shape()) for key in file.keys()}  # noqa: SIM118 - not a dict
    assert shapes[UNET_PREFIX + "input_blocks.0.0.weight"][1] == 4
    assert shapes[UNET_PREFIX + "input_blocks.11.0.in_layers.2.weight"][2:] == (3, 3)
    assert shapes[UNET_PREFIX + "output_blocks.11.1.proj_out.weight"][2:] == (1, 1)
    assert shapes[UNET_PREFIX + "output_blocks.2.1.conv.weight"][2:] == (3, 3)
    assert shapes[VAE_PREFIX + "decoder.mid.attn_1.q.weight"][2:] == (1, 1)
    assert shapes[TEXT_PREFIX + "embeddings.token_embedding.weight"][0] == 49408


def test_values_are_finite_and_trained(weights: Path) -> None:
    with safe_open(weights, "pt") as file:
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a dict
    assert all(value.dtype == torch.float16 for value in tensors.values())
    assert all(bool(value.isfinite().all()) for value in tensors.values())
    constant = [key for key, value in tensors.items() if value.ndim > 1 and bool((value == value.flatten()[0]).all())]
    assert not constant
