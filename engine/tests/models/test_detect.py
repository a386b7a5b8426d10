from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from studio_engine.checkpoint.safetensors_file import SafetensorsHeader, read_header
from studio_engine.errors import EngineError
from studio_engine.models.detect import check_kind, detect_lora, detect_network
from studio_engine.models.files import ModelKind

UNET_IN = "model.diffusion_model.input_blocks.0.0.weight"


def header(path: Path, keys: dict[str, tuple[int, ...]]) -> SafetensorsHeader:
    save_file({key: torch.zeros(shape) for key, shape in keys.items()}, path / "m.safetensors")
    return read_header(path / "m.safetensors")


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"control_model.input_blocks.0.0.weight": (1,)}, "a ControlNet; put it into controlnet/"),
        ({"lora_unet_x.lora_down.weight": (1, 1), "lora_unet_x.lora_up.weight": (1, 1)}, "a LoRA; put it into loras/"),
        ({"decoder.conv_in.weight": (1,)}, "a VAE; put it into vae/"),
        ({"text_model.encoder.layers.0.x": (1,)}, "a text encoder; put it into text_encoders/"),
        ({"emb_params": (1, 768)}, "a textual inversion; put it into embeddings/"),
        ({"model.diffusion_model.x.time_stack.y": (1,)}, "Stable Video Diffusion; this engine runs SD 1.x, SD 2.x"),
        ({"h.0.attn.weight": (1,)}, "does not recognise"),
    ],
)
def test_what_is_no_model_of_ours_is_named(tmp_path: Path, keys: dict[str, tuple[int, ...]], words: str) -> None:
    with pytest.raises(EngineError, match=words) as caught:
        detect_network(header(tmp_path, keys))
    assert caught.value.code == "model.family_unknown"


@pytest.mark.parametrize(
    ("kind", "keys", "words"),
    [
        ("vae", {"lora_unet_x.lora_down.weight": (1, 1), "lora_unet_x.lora_up.weight": (1, 1)}, "a LoRA"),
        ("controlnet", {"decoder.conv_in.weight": (1,)}, "a VAE; put it into vae/"),
        ("text_encoder", {"vision_model.x": (1,)}, "a CLIP vision model"),
    ],
)
def test_a_file_in_the_wrong_folder_is_named(
    tmp_path: Path, kind: ModelKind, keys: dict[str, tuple[int, ...]], words: str
) -> None:
    with pytest.raises(EngineError, match=words):
        check_kind(header(tmp_path, keys), kind)


def test_a_file_of_its_folders_kind_passes(tmp_path: Path) -> None:
    check_kind(header(tmp_path, {"first_stage_model.decoder.conv_in.weight": (1,)}), "vae")


def test_what_is_no_lora_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="is not a LoRA"):
        detect_lora(header(tmp_path, {UNET_IN: (4, 8)}))
