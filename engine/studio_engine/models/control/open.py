"""Opens ControlNet and T2I-Adapter files as handles: reads headers only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from studio_engine.checkpoint.safetensors_file import SafetensorsHeader, read_header
from studio_engine.errors import EngineError
from studio_engine.models.control.blueprint import control_keys, kind_of
from studio_engine.models.control.net import NetworkControl, UnetControlNet, joined_ref
from studio_engine.models.control.t2i import is_t2i
from studio_engine.models.control.t2i_net import T2IAdapterNet
from studio_engine.models.files import ModelFile
from studio_engine.models.parts import PartRef, PartSource
from studio_engine.sampling.conditioning import ControlNet, UnboundControl

if TYPE_CHECKING:
    from studio_engine.sampling.model import Model

_POOLED_ENDINGS: Final = ("_shuffle", "_shuffle_fp16")
# The first that occurs in a name says what the file is instead.
_OTHERS: Final = (
    ("controlnet_x_embedder", "a ControlNet for Flux"),
    ("double_blocks.", "a ControlNet for Flux"),
    ("controlnet_single_blocks.", "a ControlNet for Flux"),
    ("pos_embed_input.", "a ControlNet for SD 3"),
    ("joint_blocks.", "a ControlNet for SD 3"),
    ("controlnet_blocks.", "a ControlNet for a transformer model"),
    ("backbone.", "a ControlNet for Stable Cascade"),
    (".lora_down.", "a LoRA"),
    ("ip_adapter.", "an IP-Adapter"),
)


def open_control_net(source: PartSource, file: ModelFile, model: Model | None = None) -> ControlNet | UnboundControl:
    """`model` is what a net of differences is added to. Raises `model.family_unknown` and `model.file_corrupt`."""
    header = read_header(file.path)
    ref = PartRef((file,), "control", "control")
    kind = kind_of(header)
    if kind == "low_rank":
        return NetworkControl(source, ref)
    if is_t2i(header):
        return T2IAdapterNet(source, PartRef((file,), "t2i_adapter", "control"))
    if not is_control_net(header):
        raise _unknown(header)
    if kind == "difference" and model is not None:
        base = getattr(model.network, "ref", None)
        if not isinstance(base, PartRef):
            raise EngineError("model.family_unknown", f"{file.name} changes a UNet, which this model is not.")
        ref = joined_ref(ref, base)
    return UnetControlNet(source, ref, is_pooled=file.path.stem.endswith(_POOLED_ENDINGS))


def is_control_net(header: SafetensorsHeader) -> bool:
    keys = control_keys(header)
    return any(name in keys for name in ("zero_convs.0.0.weight", "controlnet_cond_embedding.conv_in.weight"))


def _unknown(header: SafetensorsHeader) -> EngineError:
    name = header.path.name
    label = next((label for mark, label in _OTHERS if any(mark in key for key in header.tensors)), None)
    fault = "is no ControlNet that this engine knows" if label is None else f"is {label}"
    return EngineError(
        "model.family_unknown",
        f"{name} {fault}; this engine runs ControlNets and T2I-Adapters for SD 1.5, SD 2 and SDXL.",
    )
