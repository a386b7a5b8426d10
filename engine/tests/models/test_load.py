"""A single file becomes modules: sizes from shapes, weights under our names, faults named."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from studio_engine.checkpoint.digest import sha256_of
from studio_engine.checkpoint.safetensors_file import read_header
from studio_engine.errors import EngineError
from studio_engine.models.families import find_network
from studio_engine.models.families.unet.config import UnetConfig, read_unet_config
from studio_engine.models.files import ModelFile
from studio_engine.models.inventory import Inventory
from studio_engine.models.open import checkpoint_parts
from studio_engine.models.parts import LoadedPart
from studio_engine.models.store import ModelStore
from studio_engine.models.vae.blueprint import vae_keys
from studio_engine.models.vae.config import VaeConfig, read_vae_config
from studio_engine.runtime.plan import plain_plan
from tests.models.tiny_checkpoint import (
    TEXT_PREFIX,
    TINY_METADATA,
    TINY_UNET,
    TINY_VAE,
    UNET_PREFIX,
    VAE_PREFIX,
    tiny_modules,
    tiny_tensors,
    write_tiny_checkpoint,
)

UNET_OUT = f"{UNET_PREFIX}out.2.weight"


def file_at(path: Path) -> ModelFile:
    return ModelFile(path.name, "checkpoint", path, sha256_of(path), path.stat().st_size, path.stem, "sd1")


def load_file(path: Path) -> list[LoadedPart]:
    """Network, text encoder, autoencoder."""
    store = ModelStore(Inventory(()), plain_plan(), 2**30)
    return [store.part(ref) for ref in checkpoint_parts(file_at(path)).refs]


def load(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str] = TINY_METADATA) -> list[LoadedPart]:
    save_file(tensors, path, metadata)
    return load_file(path)


def configs(path: Path) -> tuple[UnetConfig, VaeConfig]:
    header = read_header(path)
    found = find_network(header)
    assert found is not None
    return read_unet_config(found[1]), read_vae_config(vae_keys(header))


def test_sizes_are_read_from_shapes_and_metadata(tmp_path: Path) -> None:
    assert configs(write_tiny_checkpoint(tmp_path / "t.safetensors")) == (TINY_UNET, TINY_VAE)


def test_what_no_shape_tells_defaults_to_stable_diffusion_1_5(tmp_path: Path) -> None:
    save_file(tiny_tensors(), tmp_path / "t.safetensors")
    unet, vae = configs(tmp_path / "t.safetensors")
    assert (unet.heads, unet.norm_groups, vae.norm_groups) == ((8, 8, 8, 8), 32, 32)


@torch.no_grad()
def test_the_loaded_modules_compute_what_the_saved_ones_did(tmp_path: Path) -> None:
    network, encoder, autoencoder = load_file(write_tiny_checkpoint(tmp_path / "t.safetensors"))
    unet, vae, text = tiny_modules()
    x, step, context = torch.randn(2, 4, 8, 8), torch.tensor([999, 10]), torch.randn(2, 77, 32)
    ids = torch.randint(0, 49408, (2, 77))

    torch.testing.assert_close(network.module(x, step, context).sample, unet(x, step, context).sample)
    torch.testing.assert_close(autoencoder.module.decode(x).sample, vae.decode(x).sample)
    torch.testing.assert_close(encoder.module.embed(ids), text.embed(ids))
    assert all(torch.equal(encoder.module.state_dict()[name], value) for name, value in text.state_dict().items())


def test_idle_tensors_are_tolerated(tmp_path: Path) -> None:
    idle = {
        "model_ema.decay": torch.tensor(0.9999),
        "model_ema.diffusion_modelout2weight": torch.zeros(3),
        f"{TEXT_PREFIX}text_model.embeddings.position_ids": torch.arange(77)[None],
        "alphas_cumprod": torch.zeros(1000),
    }
    load(tmp_path / "t.safetensors", tiny_tensors() | idle)


def test_unknown_tensors_are_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    load(tmp_path / "t.safetensors", tiny_tensors() | {"surprise": torch.zeros(3)})
    assert "surprise" in caplog.text


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({UNET_OUT: None}, "model.untrained", "lacks the weights"),
        ({UNET_OUT: torch.full((4, 16, 3, 3), float("nan"))}, "model.file_corrupt", "NaN"),
        ({UNET_OUT: torch.full((4, 16, 3, 3), float("inf"))}, "model.file_corrupt", "NaN"),
        ({UNET_OUT: torch.zeros(4, 16, 3, 3, dtype=torch.int32)}, "model.file_corrupt", "real numbers"),
        ({f"{VAE_PREFIX}quant_conv.weight": torch.zeros(8, 9, 1, 1)}, "model.file_corrupt", "shape"),
    ],
)
def test_a_fault_is_named(tmp_path: Path, change: dict[str, Tensor | None], code: str, words: str) -> None:
    tensors = {key: value for key, value in (tiny_tensors() | change).items() if value is not None}
    with pytest.raises(EngineError, match=words) as caught:
        load(tmp_path / "t.safetensors", tensors)
    assert caught.value.code == code


def test_constant_weights_are_untrained(tmp_path: Path) -> None:
    zeroed = {key: torch.zeros_like(value) for key, value in tiny_tensors().items() if "diffusion_model" in key}
    with pytest.raises(EngineError, match="no trained weights") as caught:
        load(tmp_path / "t.safetensors", tiny_tensors() | zeroed)
    assert caught.value.code == "model.untrained"


def test_metadata_that_is_no_number_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"studio\.unet_heads"):
        load(tmp_path / "t.safetensors", tiny_tensors(), TINY_METADATA | {"studio.unet_heads": "two"})
