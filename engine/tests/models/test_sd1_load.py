"""A single file becomes modules: sizes from shapes, weights under our names, faults named."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from studio_engine.checkpoint.safetensors_file import read_header
from studio_engine.errors import EngineError
from studio_engine.models.families.sd1.config import read_config
from studio_engine.models.families.sd1.load import Sd1Weights, load_sd1
from studio_engine.runtime.plan import plain_plan
from tests.models.tiny_checkpoint import TINY, TINY_METADATA, tiny_modules, tiny_tensors, write_tiny_checkpoint

UNET_OUT = "model.diffusion_model.out.2.weight"


def load(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str] = TINY_METADATA) -> Sd1Weights:
    save_file(tensors, path, metadata)
    return load_sd1(read_header(path), plain_plan())


def test_sizes_are_read_from_shapes_and_metadata(tmp_path: Path) -> None:
    assert read_config(read_header(write_tiny_checkpoint(tmp_path / "t.safetensors"))) == TINY


def test_what_no_shape_tells_defaults_to_stable_diffusion_1_5(tmp_path: Path) -> None:
    save_file(tiny_tensors(), tmp_path / "t.safetensors")
    config = read_config(read_header(tmp_path / "t.safetensors"))
    assert (config.unet.heads, config.unet.norm_groups, config.vae.norm_groups) == (8, 32, 32)
    assert config.vae.latent_scale == 0.18215


@torch.no_grad()
def test_the_loaded_modules_compute_what_the_saved_ones_did(tmp_path: Path) -> None:
    loaded = load_sd1(read_header(write_tiny_checkpoint(tmp_path / "t.safetensors")), plain_plan())
    unet, vae, text = tiny_modules()
    x, step, context = torch.randn(2, 4, 8, 8), torch.tensor([999, 10]), torch.randn(2, 77, 32)
    ids = torch.randint(0, 49408, (2, 77))

    torch.testing.assert_close(loaded.unet(x, step, context).sample, unet(x, step, context).sample)
    torch.testing.assert_close(loaded.vae.decode(x).sample, vae.decode(x).sample)
    torch.testing.assert_close(loaded.text(input_ids=ids).last_hidden_state, text(input_ids=ids).last_hidden_state)


def test_idle_tensors_are_tolerated(tmp_path: Path) -> None:
    idle = {
        "model_ema.decay": torch.tensor(0.9999),
        "model_ema.diffusion_modelout2weight": torch.zeros(3),
        "cond_stage_model.transformer.text_model.embeddings.position_ids": torch.arange(77)[None],
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
        ({"first_stage_model.quant_conv.weight": torch.zeros(8, 9, 1, 1)}, "model.file_corrupt", "shape"),
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
