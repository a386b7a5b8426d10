"""W + strength · (alpha / rank) · up @ down, whatever the names, without touching the base."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from studio_engine.checkpoint.safetensors_file import read_header
from studio_engine.errors import EngineError
from studio_engine.models.adapters.lora import LoraPatch, Part, lora_updates
from studio_engine.models.files import ModelFile
from studio_engine.models.inventory import Inventory
from studio_engine.models.parts import LoadedPart
from studio_engine.models.patch import patched_part
from studio_engine.models.store import ModelStore
from studio_engine.runtime.plan import plain_plan
from tests.models.tiny_checkpoint import tiny_modules

TARGET = "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k"
OUT = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_out.0"
CONV = "down_blocks.0.resnets.0.conv1"
TEXT = "encoder.layers.1.self_attn.q_proj"
RANK = 4

kohya = {
    f"lora_unet_{TARGET.replace('.', '_')}": ("unet", TARGET),
    f"lora_unet_{OUT.replace('.', '_')}": ("unet", OUT),
    f"lora_unet_{CONV.replace('.', '_')}": ("unet", CONV),
    f"lora_te_text_model_{TEXT.replace('.', '_')}": ("text", TEXT),
}
diffusers = {
    f"unet.{TARGET}": ("unet", TARGET),
    f"unet.{OUT}": ("unet", OUT),
    f"unet.{CONV}": ("unet", CONV),
    f"text_encoder.text_model.{TEXT}": ("text", TEXT),
}


@pytest.fixture(scope="module")
def modules() -> dict[Part, nn.Module]:
    unet, _, text = tiny_modules()
    return {"unet": unet, "text": text}


def factors(weight: Tensor) -> tuple[Tensor, Tensor]:
    tail = (1, 1) if weight.ndim == 4 else ()
    return torch.randn(weight.shape[0], RANK, *tail), torch.randn(RANK, *weight.shape[1:])


@pytest.mark.parametrize(
    ("names", "up", "down", "alpha"),
    [
        (kohya, ".lora_up.weight", ".lora_down.weight", 2.0),
        (diffusers, ".lora_B.weight", ".lora_A.weight", None),
        (diffusers, ".lora.up.weight", ".lora.down.weight", None),
        (diffusers, ".lora_linear_layer.up.weight", ".lora_linear_layer.down.weight", None),
    ],
)
def test_weights_are_added(
    tmp_path: Path,
    modules: dict[Part, nn.Module],
    names: dict[str, tuple[Part, str]],
    up: str,
    down: str,
    alpha: float | None,
) -> None:
    tensors: dict[str, Tensor] = {}
    expected: dict[tuple[Part, str], Tensor] = {}
    for name, (part, target) in names.items():
        weight = modules[part].get_parameter(f"{target}.weight")
        left, right = factors(weight)
        tensors |= {name + up: left, name + down: right}
        if alpha is not None:
            tensors[f"{name}.alpha"] = torch.tensor(alpha)
        scale = 1.0 if alpha is None else alpha / RANK
        change = (left.flatten(1) @ right.flatten(1)).reshape(weight.shape)
        expected[part, target] = weight + 0.7 * scale * change
    save_file(tensors, tmp_path / "l.safetensors")
    before = {part: {n: p.clone() for n, p in module.named_parameters()} for part, module in modules.items()}

    file = ModelFile("l", "lora", tmp_path / "l.safetensors", "0", 1, "l", "sd1")
    store = ModelStore(Inventory(()), plain_plan(), 1)
    changed = {
        part: patched_part(LoadedPart(module, None, torch.float32, 0), [LoraPatch(file, part, 0.7)], store).module
        for part, module in modules.items()
    }

    for (part, target), weight in expected.items():
        assert torch.allclose(changed[part].get_parameter(f"{target}.weight"), weight, atol=1e-5)
    for part, module in modules.items():
        assert all(torch.equal(value, before[part][name]) for name, value in module.named_parameters())
        same = [p for n, p in changed[part].named_parameters() if p is module.get_parameter(n)]
        assert len(same) == len(before[part]) - sum(key[0] == part for key in expected)


def test_old_processor_names_are_read(tmp_path: Path, modules: dict[Part, nn.Module]) -> None:
    left, right = factors(modules["unet"].get_parameter(f"{OUT}.weight"))
    name = "unet." + OUT.replace(".to_out.0", ".processor.to_out")
    save_file({f"{name}_lora.up.weight": left, f"{name}_lora.down.weight": right}, tmp_path / "l.safetensors")
    assert list(lora_updates(read_header(tmp_path / "l.safetensors"), modules)["unet"]) == [f"{OUT}.weight"]


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"lora_unet_nowhere.lora_up.weight": (8, 4), "lora_unet_nowhere.lora_down.weight": (4, 8)}, "another model"),
        ({f"unet.{TARGET}.lora_B.weight": (16, 4), f"unet.{TARGET}.lora_A.weight": (4, 31)}, "other sizes"),
        ({f"unet.{TARGET}.lora_A.weight": (4, 32)}, "another model"),
        ({"lora_unet_x.hada_w1_a": (4, 4), "lora_unet_x.lora_down.weight": (4, 4)}, "LoHa"),
    ],
)
def test_a_lora_for_another_model_is_refused(
    tmp_path: Path, modules: dict[Part, nn.Module], keys: dict[str, tuple[int, ...]], words: str
) -> None:
    save_file({key: torch.ones(shape) for key, shape in keys.items()}, tmp_path / "l.safetensors")
    with pytest.raises(EngineError, match=words) as caught:
        lora_updates(read_header(tmp_path / "l.safetensors"), modules, is_strict=True)
    assert caught.value.code == "model.family_unknown"
