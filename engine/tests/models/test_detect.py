from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from studio_engine.checkpoint.safetensors_file import SafetensorsHeader, read_header
from studio_engine.errors import EngineError
from studio_engine.models.detect import detect_checkpoint

UNET_IN = "model.diffusion_model.input_blocks.0.0.weight"


def header(path: Path, keys: dict[str, tuple[int, ...]]) -> SafetensorsHeader:
    save_file({key: torch.zeros(shape) for key, shape in keys.items()}, path / "m.safetensors")
    return read_header(path / "m.safetensors")


def test_stable_diffusion_1_is_recognised(tmp_path: Path) -> None:
    keys = {UNET_IN: (320, 4, 3, 3), "model.diffusion_model.input_blocks.1.1.proj_in.weight": (320, 320, 1, 1)}
    assert detect_checkpoint(header(tmp_path, keys))[0].name == "sd1"


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({UNET_IN: (1, 4, 3, 3), "conditioner.embedders.1.model.ln_final.weight": (1,)}, "is an SDXL checkpoint"),
        ({UNET_IN: (1, 4, 3, 3), "conditioner.embedders.0.model.ln_final.weight": (1,)}, "SDXL refiner"),
        ({UNET_IN: (1, 4, 3, 3), "cond_stage_model.model.ln_final.weight": (1,)}, "Stable Diffusion 2"),
        ({"model.diffusion_model.double_blocks.0.img_attn.qkv.weight": (1,)}, "a Flux checkpoint"),
        ({"model.diffusion_model.joint_blocks.0.x": (1,)}, "Stable Diffusion 3"),
        ({UNET_IN: (1, 9, 3, 3)}, "inpainting"),
        ({"control_model.input_blocks.0.0.weight": (1,)}, "a ControlNet"),
        ({"lora_unet_x.lora_down.weight": (1, 1)}, "a LoRA, not a checkpoint"),
        ({"decoder.conv_in.weight": (1,)}, "a VAE, not a checkpoint"),
        ({"down_blocks.0.resnets.0.conv1.weight": (1,)}, "diffusers layout"),
        ({"h.0.attn.weight": (1,)}, "does not recognise"),
    ],
)
def test_other_families_are_named(tmp_path: Path, keys: dict[str, tuple[int, ...]], words: str) -> None:
    with pytest.raises(EngineError, match=words) as caught:
        detect_checkpoint(header(tmp_path, keys))
    assert caught.value.code == "model.family_unknown"
    assert "this engine runs SD 1.x" in caught.value.message
