"""What a file is, and which model family it belongs to, from the names and shapes of its tensors alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from studio_engine.checkpoint.safetensors_file import SafetensorsHeader
from studio_engine.errors import EngineError
from studio_engine.models.adapters.origin import adapter_family, is_adapter
from studio_engine.models.families import FAMILIES, PREFIXES, find_network
from studio_engine.models.families.family import Family
from studio_engine.models.families.unet.config import is_unet, read_unet_config
from studio_engine.models.files import ModelKind
from studio_engine.models.keys import PartKeys

Test = Callable[[SafetensorsHeader], bool]


@dataclass(frozen=True)
class _Signature:
    label: str
    kind: ModelKind | None
    """None = a model that this engine does not run."""
    matches: Test


def _has(*prefixes: str) -> Test:
    return lambda header: any(key.startswith(prefixes) for key in header.tensors)


def _contains(*parts: str) -> Test:
    return lambda header: any(part in key for key in header.tensors for part in parts)


# In order: the first that matches names the file. What comes first is what would otherwise be taken for a later one.
_OTHER_NETWORKS: Final = (
    _Signature("a ControlNet", "controlnet", _contains("control_model.", "controlnet_cond_embedding.", "input_hint_")),
    _Signature("a ControlNet", "controlnet", _contains("controlnet_blocks.", "controlnet_x_embedder.")),
    _Signature("Stable Video Diffusion", None, _contains(".time_stack.")),
    _Signature("Chroma", None, _contains("distilled_guidance_layer.")),
    _Signature("HunyuanVideo", None, _contains("txt_in.individual_token_refiner.")),
    _Signature("PixArt or LTX-Video", None, _contains("adaln_single.")),
    _Signature("Wan", None, _contains("blocks.0.cross_attn.norm_k.")),
    _Signature("AuraFlow", None, _contains("double_layers.0.")),
    _Signature("a kind of Stable Diffusion 3 that this engine does not run", None, _contains("joint_blocks.0.")),
    _Signature("a kind of Flux that this engine does not run", None, _contains("double_blocks.0.img_attn.")),
)
_PARTS: Final = (
    _Signature("an IP-Adapter", "ip_adapter", _has("ip_adapter.", "image_proj.")),
    _Signature("a LoRA", "lora", is_adapter),
    _Signature("a CLIP vision model", "clip_vision", _has("vision_model.", "visual.")),
    _Signature("a TAESD autoencoder", "vae_approx", _has("taesd_", "encoder.layers.0.", "decoder.layers.0.")),
    _Signature("a VAE", "vae", _has("decoder.conv_in.", "first_stage_model.decoder.", "vae.decoder.")),
    _Signature("a text encoder", "text_encoder", _has("text_model.", "encoder.block.0.", "transformer.resblocks.")),
    _Signature("a textual inversion", "embedding", lambda h: set(h.tensors) <= {"emb_params", "clip_l", "clip_g"}),
)
# Folders whose files are checked by these signatures alone; those of other kinds have parsers of their own.
_CHECKED: Final[frozenset[ModelKind]] = frozenset({"controlnet", "text_encoder", "clip_vision", "vae"})
_FOLDERS: Final[dict[ModelKind, str]] = {
    "controlnet": "controlnet",
    "ip_adapter": "ipadapter",
    "lora": "loras",
    "clip_vision": "clip_vision",
    "vae_approx": "vae_approx",
    "vae": "vae",
    "text_encoder": "text_encoders",
    "embedding": "embeddings",
}


def detect_network(header: SafetensorsHeader) -> tuple[Family, PartKeys]:
    """The family of a checkpoint, or of a network's own file, and the network's names.

    Raises `model.family_unknown`, saying what the file is where that is known, and `model.untrained` for a network
    that lacks some of its weights.
    """
    found = find_network(header)
    if found is not None:
        return found
    signature = _first(_OTHER_NETWORKS, header)
    if signature is None:
        _check_unet(header)
        signature = _first(_PARTS, header)
    if signature is not None:
        raise _unknown(header, f"is {signature.label}", signature.kind)
    raise _unknown(header, "is of a family that this engine does not recognise", None)


def detect_lora(header: SafetensorsHeader) -> str | None:
    """The family that an adapter was made for; None where its names do not tell.

    Raises `model.family_unknown` for what is no adapter.
    """
    if not is_adapter(header) or find_network(header) is not None:
        raise EngineError("model.family_unknown", f"{header.path.name} is not a LoRA that this engine can apply.")
    return adapter_family(header)


def check_kind(header: SafetensorsHeader, kind: ModelKind) -> None:
    """Raises `model.family_unknown` for a file that lies in the folder of another kind."""
    # A whole CLIP holds a text encoder and a vision model.
    if kind not in _CHECKED or any(part.kind == kind and part.matches(header) for part in _PARTS):
        return
    found = find_network(header)
    # A checkpoint also serves as its autoencoder and text encoders.
    if found is not None and kind == "controlnet":
        raise _unknown(header, f"is a model of {found[0].label}, not a ControlNet", None)
    signature = _first((*_OTHER_NETWORKS, *_PARTS), header) if found is None else None
    if signature is not None and signature.kind != kind and not (kind == "vae" and signature.kind == "vae_approx"):
        raise _unknown(header, f"is {signature.label}", signature.kind)


def _check_unet(header: SafetensorsHeader) -> None:
    """Raises what is wrong with a UNet that no family wants."""
    for prefix in PREFIXES:
        keys = PartKeys(header, prefix)
        if is_unet(keys):
            read_unet_config(keys)
            raise _unknown(header, "has a UNet of sizes that this engine does not know", None)


def _first(signatures: Sequence[_Signature], header: SafetensorsHeader) -> _Signature | None:
    return next((signature for signature in signatures if signature.matches(header)), None)


def _unknown(header: SafetensorsHeader, fault: str, kind: ModelKind | None) -> EngineError:
    advice = f"this engine runs {', '.join(family.label for family in FAMILIES)}"
    if kind is not None:
        advice = f"put it into {_FOLDERS[kind]}/"
    return EngineError("model.family_unknown", f"{header.path.name} {fault}; {advice}.")
