"""CONTROL_NET for UNets: a light name of a ControlNet's weights, resolved when it computes."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, cast

import torch
from torch import Tensor

from studio_engine.errors import EngineError
from studio_engine.imaging.resize import resize
from studio_engine.models.adapters.origin import label_of_context
from studio_engine.models.control.config import ControlConfig
from studio_engine.models.parts import LoadedPart, PartRef, PartSource
from studio_engine.runtime.memory import check_fits
from studio_engine.sampling.conditioning import ControlInput, ControlUse, NetInput, Residuals

if TYPE_CHECKING:
    from studio_engine.models.control.modules import ControlModule
    from studio_engine.sampling.model import Latent, Network

CELLS: Final = 8
"""Pixels of a hint per latent cell and side."""
# Activations that live at once, in tensors of the first level's size; half of what a whole UNet takes.
_COPIES: Final = 12


@dataclass(frozen=True, eq=False)
class UnetControlNet:
    """A ControlNet."""

    source: PartSource
    ref: PartRef
    is_pooled: bool = False
    """Each channel's mean counts everywhere: for nets that were trained to read no places (shuffle)."""
    kind: int | None = None
    """Which kind of hint a union net reads; None = it is not told."""

    @property
    def batch_key(self) -> Hashable:
        return (self.ref.key, self.is_pooled, self.kind)

    @torch.no_grad()
    def prepare(self, use: ControlUse, latent: Latent) -> ControlInput:
        """The hint as the net's first layers pass it on, which is the same at each step of a run."""
        part, config = self._part()
        if config.union_types is not None and (self.kind or 0) >= config.union_types:
            raise EngineError(
                "engine.node_failed",
                f"{self.ref.files[0].name} knows {config.union_types} kinds of hints and not the one that "
                "SetUnionControlNetType asks for; choose another, or auto.",
            )
        height, width = (CELLS * side for side in latent.samples.shape[-2:])
        hint = self._placed(fitted_channels(hint_of_size(use.hint, width, height), config.hint_widths[0]), part)
        module = cast("ControlModule", part.module)
        return ControlInput(self, self.source.batcher.alone(lambda: module.guide(hint, self.kind)), use.strength)

    @torch.no_grad()
    def residuals(self, x: Tensor, timestep: Tensor, inputs: NetInput, control: ControlInput) -> Residuals:
        part, config = self._part()
        _check_fit(config, x, inputs)
        check_fits(x[:, 0].numel() * config.unet.widths[0] * part.dtype.itemsize * _COPIES, x.device)
        added, middle = part.module(
            self._placed(x, part),
            timestep,
            inputs.context.to(x.device, part.dtype),
            self._placed(control.hint, part),
            vector=None if inputs.vector is None else inputs.vector.to(x.device, part.dtype),
            kind=self.kind,
        )
        # Output block 0 reads the last input block's skip connection.
        output = [self._scaled(value, control.strength) for value in reversed(added)]
        return Residuals(middle=(self._scaled(middle, control.strength),), output=tuple(output))

    def with_kind(self, kind: int | None) -> UnetControlNet:
        return replace(self, kind=kind)

    def _part(self) -> tuple[LoadedPart, ControlConfig]:
        part = self.source.part(self.ref)
        assert isinstance(part.config, ControlConfig)
        return part, part.config

    def _placed(self, tensor: Tensor, part: LoadedPart) -> Tensor:
        plan = self.source.plan
        layout = torch.channels_last if plan.is_channels_last else torch.contiguous_format
        return tensor.to(plan.device, part.dtype).contiguous(memory_format=layout)

    def _scaled(self, value: Tensor, strength: float) -> Tensor:
        pooled = value.mean(dim=(2, 3), keepdim=True).expand_as(value) if self.is_pooled else value
        return pooled * strength


@dataclass(frozen=True, eq=False)
class NetworkControl:
    """An UnboundControl: a file of changes to whichever network it steers (ControlLoRA)."""

    source: PartSource
    ref: PartRef

    def bound_to(self, network: Network) -> UnetControlNet:
        """The net that these changes make of the network. Adapters of the network have no part in it."""
        base = getattr(network, "ref", None)
        if not isinstance(base, PartRef):
            raise EngineError(
                "model.family_unknown",
                f"{self.ref.files[0].name} changes a UNet, which this model is not; use it with an SD or SDXL model.",
            )
        return UnetControlNet(self.source, joined_ref(self.ref, base))


def joined_ref(net: PartRef, network: PartRef) -> PartRef:
    return PartRef((net.files[0], *network.files), net.part, network.family)


def hint_of_size(images: Tensor, width: int, height: int) -> Tensor:
    """IMAGE `[batch, h, w, c]` to `[batch, c, height, width]`: the middle with that aspect, nearest pixels."""
    return resize(images.movedim(-1, 1), width, height, method="nearest-exact", crop="center")


def fitted_channels(hint: Tensor, count: int) -> Tensor:
    """Pictures may bring transparency, and nets may read grey."""
    if hint.shape[1] == count:
        return hint
    return hint[:, :count] if hint.shape[1] > count > 1 else hint.mean(dim=1, keepdim=True).expand(-1, count, -1, -1)


def _check_fit(config: ControlConfig, x: Tensor, inputs: NetInput) -> None:
    net, width = config.unet, inputs.context.shape[-1]
    reads_text = any(depth for level in net.down_depths for depth in level)
    if (reads_text and net.context_width != width) or net.in_channels != x.shape[1]:
        made, loaded = label_of_context(net.context_width), label_of_context(width)
        raise EngineError(
            "model.family_unknown",
            f"This ControlNet was made for {made}; the loaded model is {loaded}. Choose a ControlNet for {loaded}.",
        )
    if (net.vector_width is None) != (inputs.vector is None) and reads_text:
        raise EngineError("model.family_unknown", "This ControlNet was made for another model; choose one for this.")
