"""A part with patches applied, sharing with its base every weight that they leave alone."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from studio_engine.errors import EngineError
from studio_engine.models.parts import LoadedPart, PartSource, WeightPatch
from studio_engine.runtime.packing import packed_like, plain_weight


def patched_part(base: LoadedPart, patches: Sequence[WeightPatch], source: PartSource) -> LoadedPart:
    """Raises `model.file_corrupt` where a patched weight is no finite number."""
    changed = patched_weights(base.module, patches, source)
    module = _with_weights(base.module, changed)
    owned_bytes = sum(tensor.numel() * tensor.element_size() for tensor in changed.values())
    return LoadedPart(module, base.config, base.dtype, owned_bytes)


@torch.no_grad()
def patched_weights(base: nn.Module, patches: Sequence[WeightPatch], source: PartSource) -> dict[str, Tensor]:
    """Parameter name -> changed weight in the base's dtype and layout; summed in fp32, in the patches' order."""
    sums: dict[str, Tensor] = {}
    for patch in patches:
        for name, change in patch.changes(base, source).items():
            weight = sums[name] if name in sums else plain_weight(base.get_parameter(name)).float()
            sums[name] = change(weight)
    return {name: _like(plain_weight(base.get_parameter(name)), name, total) for name, total in sums.items()}


def _like(weight: Tensor, name: str, total: Tensor) -> Tensor:
    value = total.reshape(weight.shape).to(device=weight.device, dtype=weight.dtype)
    if not bool(torch.isfinite(total).all()):
        raise EngineError("model.file_corrupt", f"A LoRA or merge makes {name} invalid numbers; lower its strength.")
    if weight.ndim == 4 and weight.is_contiguous(memory_format=torch.channels_last):
        return value.contiguous(memory_format=torch.channels_last)
    return value.contiguous()


def _with_weights(base: nn.Module, weights: Mapping[str, Tensor]) -> nn.Module:
    shared: dict[int, object] = {id(tensor): tensor for tensor in [*base.parameters(), *base.buffers()]}
    # A copied configuration forgets which attention kernel was chosen, which changes the last digits.
    configs = [child.config for child in base.modules() if hasattr(child, "config")]
    shared |= {id(config): config for config in configs}
    clone = copy.deepcopy(base, shared)
    for name, value in weights.items():
        path, _, attribute = name.rpartition(".")
        owner = clone.get_submodule(path)
        setattr(owner, attribute, nn.Parameter(packed_like(owner, value), requires_grad=False))
    return clone
