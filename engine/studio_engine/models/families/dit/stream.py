"""What every transformer's forward does around its blocks: patches in and out, residuals, hooks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from torch import Tensor
from torch.nn import functional

from studio_engine.errors import EngineError
from studio_engine.models.families.dit.config import PATCH
from studio_engine.models.families.unet.attention import HookedCall
from studio_engine.sampling.conditioning import Residuals
from studio_engine.sampling.hooks import HookCall, NetworkHooks, Place


@dataclass(frozen=True, eq=False)
class DitInput:
    """All that one forward reads; tensors on the device and in the dtype that the network computes in."""

    x: Tensor
    """`[rows, channels, h, w]` with the extra input channels appended."""
    timestep: Tensor
    """fp32 `[rows]`, as the network counts: 0…1000."""
    context: Tensor
    vector: Tensor
    sigma: Tensor
    latent_shape: tuple[int, ...]
    """Of x without the extra channels."""
    guidance: Tensor | None = None
    """fp32 `[rows]`"""
    references: tuple[Tensor, ...] = ()
    reference_method: str = "offset"
    prompt_of_row: tuple[int, ...] = ()
    residuals: Residuals = field(default_factory=Residuals)

    def hooked(self, hooks: NetworkHooks) -> HookedCall | None:
        if hooks.is_empty:
            return None
        call = HookCall(Place("double", 0), self.sigma, self.prompt_of_row, self.latent_shape)
        return HookedCall(hooks, call)


def padded(x: Tensor) -> Tensor:
    """Sides at multiples of a patch; what is missing comes from the other edge, as in ComfyUI."""
    bottom, right = -x.shape[-2] % PATCH, -x.shape[-1] % PATCH
    return functional.pad(x, (0, right, 0, bottom), mode="circular") if bottom or right else x


def added(h: Tensor, residuals: Sequence[Tensor | None], index: int) -> Tensor:
    """A control's share in the picture's tokens after a block; a net may have fewer blocks than the model."""
    residual = residuals[index] if index < len(residuals) else None
    if residual is None:
        return h
    if residual.shape != h.shape:
        raise EngineError(
            "engine.node_failed",
            "The ControlNet was made for another family than the model; choose one of the model's own family.",
        )
    return h + residual.to(h.dtype)


def modulated(h: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    return h * (1 + scale[:, None]) + shift[:, None]
