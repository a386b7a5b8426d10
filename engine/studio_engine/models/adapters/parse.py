"""Which tensors of an adapter's file belong together, and what kind of change each group is.

Trainers spell the same two matrices in many ways; every ending below stands in files that people have.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import torch
from torch import Tensor

from studio_engine.checkpoint.refusal import refuse
from studio_engine.checkpoint.safetensors_file import SafetensorsHeader, read_tensors
from studio_engine.models.adapters.change import Added, Change, Decomposed, Delta
from studio_engine.models.adapters.generalised import Generalised
from studio_engine.models.adapters.hadamard import Hadamard
from studio_engine.models.adapters.kronecker import Kronecker
from studio_engine.models.adapters.low_rank import LowRank
from studio_engine.models.adapters.orthogonal import Butterfly, Orthogonal
from studio_engine.models.adapters.product import Product
from studio_engine.models.adapters.whole import Difference, Replaced

# Role of a tensor -> how its name ends; what stands before names the changed module.
_ENDINGS: Final[Mapping[str, str]] = {
    "up": r"\.lora_up\.weight|\.lora_B(\.default)?(\.weight)?|[._]lora\.up\.weight|\.lora_linear_layer\.up\.weight",
    "down": r"\.lora_down\.weight|\.lora_A(\.default)?(\.weight)?|[._]lora\.down\.weight"
    r"|\.lora_linear_layer\.down\.weight",
    "mid": r"\.lora_mid\.weight",
    "alpha": r"\.alpha",
    "dora": r"\.dora_scale",
    "hada_1_a": r"\.hada_w1_a",
    "hada_1_b": r"\.hada_w1_b",
    "hada_2_a": r"\.hada_w2_a",
    "hada_2_b": r"\.hada_w2_b",
    "hada_1_core": r"\.hada_t1",
    "hada_2_core": r"\.hada_t2",
    "lokr_1": r"\.lokr_w1",
    "lokr_2": r"\.lokr_w2",
    "lokr_1_a": r"\.lokr_w1_a",
    "lokr_1_b": r"\.lokr_w1_b",
    "lokr_2_a": r"\.lokr_w2_a",
    "lokr_2_b": r"\.lokr_w2_b",
    "lokr_2_core": r"\.lokr_t2",
    "a1": r"\.a1\.weight",
    "a2": r"\.a2\.weight",
    "b1": r"\.b1\.weight",
    "b2": r"\.b2\.weight",
    "oft": r"\.oft_blocks",
    "rescale": r"\.rescale",
    "diff": r"\.diff|\.w_norm",
    "diff_b": r"\.diff_b|\.b_norm|\.lora_B\.bias",
    "set": r"\.set_weight",
}
_ENDING: Final = re.compile("(?:" + "|".join(f"(?P<{role}>{ending})" for role, ending in _ENDINGS.items()) + ")$")

Group = Mapping[str, Tensor]


def split_key(key: str) -> tuple[str, str] | None:
    """`lora_unet_x.lora_up.weight` -> (`lora_unet_x`, `up`); None for what no adapter has."""
    match = _ENDING.search(key)
    if match is None:
        return None
    return key[: match.start()], next(role for role in _ENDINGS if match[role] is not None)


def read_changes(header: SafetensorsHeader) -> dict[tuple[str, str], Change]:
    """(module as the file names it, `weight` or `bias`) -> its change.

    Raises `model.file_corrupt` for NaN and for matrices without their counterparts. Tensors that no adapter has are
    passed over, as ComfyUI does.
    """
    groups: dict[str, dict[str, Tensor]] = {}
    for key, tensor in read_tensors(header).items():
        if found := split_key(key):
            groups.setdefault(found[0], {})[found[1]] = tensor
    changes: dict[tuple[str, str], Change] = {}
    for module, group in groups.items():
        try:
            _add_group(changes, module, group)
        except KeyError as missing:
            raise refuse(header.path, f"{module} lacks its counterpart {missing.args[0]}") from missing
    for (module, _), change in changes.items():
        if not all(_is_finite(tensor) for tensor in change.tensors()):
            raise refuse(header.path, f"{module} holds invalid numbers (NaN)")
    return changes


def _add_group(changes: dict[tuple[str, str], Change], module: str, group: Group) -> None:
    change = _change(group)
    if change is not None:
        changes[module, "weight"] = change
    if "diff_b" in group:
        changes[module, "bias"] = Added(Difference(group["diff_b"]))


def _change(group: Group) -> Change | None:
    if "set" in group:
        return Replaced(group["set"])
    if "diff" in group:
        return Added(Difference(group["diff"]))
    if "oft" in group:
        bound = _alpha(group) or 0.0
        if group["oft"].ndim == 4:
            return Butterfly(group["oft"], group.get("rescale"), bound)
        return Orthogonal(group["oft"], bound)
    if "a1" in group:
        return Generalised(group["a1"], group["a2"], group["b1"], group["b2"], _alpha(group))
    delta = _delta(group)
    if delta is None or "dora" not in group:
        return None if delta is None else Added(delta)
    return Decomposed(delta, group["dora"])


def _delta(group: Group) -> Delta | None:
    alpha = _alpha(group)
    if "up" in group or "down" in group:
        return LowRank(group["up"], group["down"], alpha, group.get("mid"))
    if any(role.startswith("lokr") for role in group):
        return Kronecker(_block(group, "lokr_1"), _block(group, "lokr_2"), alpha)
    if any(role.startswith("hada") for role in group):
        return Hadamard(_product(group, "hada_1"), _product(group, "hada_2"), alpha)
    return None


def _block(group: Group, name: str) -> Tensor | Product:
    whole = group.get(name)
    return _product(group, name) if whole is None else whole


def _product(group: Group, name: str) -> Product:
    return Product(group[f"{name}_a"], group[f"{name}_b"], group.get(f"{name}_core"))


def _alpha(group: Group) -> float | None:
    return float(group["alpha"].flatten()[0]) if "alpha" in group else None


def _is_finite(tensor: Tensor) -> bool:
    if tensor.numel() == 0:
        return False
    low, high = torch.aminmax(tensor if tensor.dtype.itemsize > 1 else tensor.float())
    return bool(torch.isfinite(low) and torch.isfinite(high))
