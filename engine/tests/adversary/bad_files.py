"""Good tiny files of every kind, and the ways in which files go bad."""

from __future__ import annotations

import math
import os
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import torch
from diffusers.models.adapter import T2IAdapter
from safetensors.torch import save_file
from torch import Tensor

from studio_engine.models.adapters.image_prompt.modules import empty_image_prompt
from tests.models.adapters.test_hypernetwork import trained
from tests.models.adapters.test_image_prompt import PLAIN
from tests.models.adapters.test_vision import HEADS, vision
from tests.models.control.conftest import METADATA, TINY, TINY_XL, random_module
from tests.models.control.test_net import control_net
from tests.models.dit.tiny_files import text_tensors, vae_tensors
from tests.models.families.tiny_files import tiny_file
from tests.models.tiny_checkpoint import TINY_METADATA, VAE_PREFIX, randomised, tiny_tensors
from tests.models.upscalers.layouts import compact, random_weights

Tensors = Mapping[str, Tensor]

# As wide as the tiny CLIP vision model's states and the tiny UNet's prompts.
REDUX: Final = {
    "redux_up.weight": torch.randn(64, 32),
    "redux_up.bias": torch.randn(64),
    "redux_down.weight": torch.randn(32, 64),
    "redux_down.bias": torch.randn(32),
}
TO_K: Final = "down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k"
T2I: Final[dict[str, Any]] = {"channels": [16, 16, 32, 32], "downscale_factor": 8, "adapter_type": "full_adapter"}


def lora(rows: int = 16, columns: int = 32, value: float | None = None) -> dict[str, Tensor]:
    up, down = torch.randn(rows, 2), torch.randn(2, columns)
    if value is not None:
        up = torch.full_like(up, value)
    return {f"lora_unet_{TO_K}.lora_up.weight": up, f"lora_unet_{TO_K}.lora_down.weight": down}


def _checkpoint() -> tuple[Tensors, Mapping[str, str]]:
    return tiny_tensors(), TINY_METADATA


def _vae() -> tuple[Tensors, Mapping[str, str]]:
    parts = {key.removeprefix(VAE_PREFIX): value for key, value in tiny_tensors().items() if key.startswith(VAE_PREFIX)}
    return parts, TINY_METADATA


GOOD: Final[Mapping[str, Callable[[], tuple[Tensors, Mapping[str, str]]]]] = {
    "checkpoints": _checkpoint,
    "vae": _vae,
    "loras": lambda: (lora(), {}),
    "controlnet": lambda: (dict(control_net(TINY).state_dict()), METADATA),
    "ipadapter": lambda: (dict(randomised(empty_image_prompt(PLAIN), 5).state_dict()), {}),
    "clip_vision": lambda: (dict(vision().state_dict()), HEADS),
    "style_models": lambda: (REDUX, {}),
    "text_encoders": lambda: (text_tensors("sd3")["clip_l"], {"studio.text_heads": "2"}),
    "upscale_models": lambda: (random_weights(compact(width=8, layers=2, scale=2)), {}),
}
"""Folder -> weights and metadata of a file that works there."""


def write(path: Path, tensors: Tensors, metadata: Mapping[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: value.contiguous() for name, value in tensors.items()}, path, dict(metadata))


def fill_folder(folder: Path) -> Path:
    """A good file `tiny.safetensors` in every folder, and files of other families."""
    for kind, make in GOOD.items():
        tensors, metadata = make()
        write(folder / kind / "tiny.safetensors", tensors, metadata)
        _write_bad(folder, kind, tensors, metadata)
    for kind in ("hypernetworks", "diffusion_models"):
        _write_bad(folder, kind, *GOOD["vae"]())
    trained(folder / "hypernetworks" / "tiny.pt")
    write(folder / "embeddings" / "tiny.safetensors", {"emb_params": torch.randn(2, 32)}, {})
    tiny_file(folder / "checkpoints" / "sdxl.safetensors", "sdxl")
    write(folder / "loras" / "sdxl.safetensors", lora(columns=2048), {})
    write(folder / "loras" / "wide.safetensors", lora(columns=40), {})
    write(folder / "vae" / "sixteen.safetensors", vae_tensors(), {"studio.vae_norm_groups": "4"})
    write(folder / "controlnet" / "xl.safetensors", control_net(TINY_XL).state_dict(), METADATA)
    for name, settings in (
        ("t2i", T2I),
        ("t2i_xl", {**T2I, "downscale_factor": 16, "adapter_type": "full_adapter_xl"}),
    ):
        module = random_module(lambda settings=settings: T2IAdapter(**settings))
        write(folder / "controlnet" / f"{name}.safetensors", module.state_dict(), {})
    _link_other_kinds(folder)
    return folder


def _write_bad(folder: Path, kind: str, tensors: Tensors, metadata: Mapping[str, str]) -> None:
    """Into the folder of one kind: files of every other kind, and what a good one of its own can become."""
    root = folder / kind
    whole = root / "whole.safetensors"
    write(whole, tensors, metadata)
    data = whole.read_bytes()
    whole.unlink()
    for name, share in SHARES.items():
        (root / f"{name}.safetensors").write_bytes(data[: int(len(data) * share)])
    for name, content in CONTENTS.items():
        (root / f"{name}.safetensors").write_bytes(content)
    for name, value in VALUES.items():
        write(
            root / f"{name}.safetensors", {key: torch.full_like(each, value) for key, each in tensors.items()}, metadata
        )
    for is_legacy in (False, True):
        content = {"state_dict": dict(tensors), "callbacks": Program(folder / "marker")}
        path = root / ("legacy.ckpt" if is_legacy else "program.ckpt")
        torch.save(content, path, _use_new_zipfile_serialization=not is_legacy)
    torch.save(dict(tensors), root / "code.pth")
    with zipfile.ZipFile(root / "code.pth", "a") as archive:
        archive.writestr(f"{archive.namelist()[0].partition('/')[0]}/code/run.py", "raise SystemExit")


SHARES: Final = {"cut_none": 0.0, "cut_header": 0.01, "cut_half": 0.6, "cut_end": 0.999}
CONTENTS: Final = {
    "text": b"hello",
    "page": b"<html>",
    "pickle": b"\x80\x04K\x01.",
    "archive": b"PK\x03\x04" + bytes(99),
    "nothing": bytes(64),
}
VALUES: Final = {"nan": math.nan, "infinite": math.inf, "zero": 0.0}


def _link_other_kinds(folder: Path) -> None:
    """Every good file also lies in the folders of all other kinds, as `a_<kind>`."""
    for kind in (*GOOD, "hypernetworks", "diffusion_models"):
        for other in GOOD:
            if kind != other:
                os.link(folder / other / "tiny.safetensors", folder / kind / f"a_{other}.safetensors")


class Program:
    """Pickles as a call that would leave a file behind."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (f"touch {self.marker}",)
