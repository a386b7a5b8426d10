"""Nodes that calculate with latents."""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from studio_engine.graph.node import Node, Output, combo, integer, node, number, socket
from studio_engine.graph.sockets import Latent, Model, NodeContext
from studio_engine.imaging.batches import repeat_to
from studio_engine.imaging.resize import resize
from studio_engine.sampling.latent_batches import like
from studio_engine.sampling.latent_operations import (
    LatentOperation,
    OperationOnGuidance,
    ReinhardTonemap,
    Sharpen,
    interpolated,
)

_CATEGORY = "latent/advanced"
_MODULE = "comfy_extras.nodes_latent"
_OUTPUTS = (Output("LATENT", tooltip="The result."),)
_OPERATION = (Output("LATENT_OPERATION", tooltip="A way to change latents."),)
_DIMENSIONS = {"x": -1, "y": -2, "t": -3}


def _latents(tooltip: str = "The latents.") -> Any:
    return socket("LATENT", tooltip=tooltip)


def _with(latent: Latent, samples: Tensor) -> tuple[Latent]:
    return (replace(latent, samples=samples),)


def _fitting(latent: Latent, other: Latent) -> Tensor:
    """The other's samples at the size and with as many rows."""
    return repeat_to(like(latent.samples, other.samples), latent.samples.shape[0])


@node(title="LatentAdd", category=_CATEGORY, outputs=_OUTPUTS, module=_MODULE)
class LatentAdd(Node):
    """Adds latents."""

    samples1: Latent = _latents()
    samples2: Latent = _latents("What to add.")

    def run(self, ctx: NodeContext) -> tuple[Latent]:
        return _with(self.samples1, self.samples1.samples + _fitting(self.samples1, self.samples2))


@node(title="LatentSubtract", category=_CATEGORY, outputs=_OUTPUTS, module=_MODULE)
class LatentSubtract(Node):
    """Subtracts latents."""

    samples1: Latent = _latents()
    samples2: Latent = _latents("What to subtract.")

    def run(self, ctx: NodeContext) -> tuple[Latent]:
        return _with(self.samples1, self.samples1.samples - _fitting(self.samples1, self.samples2))


@node(title="LatentMultiply", category=_CATEGORY, outputs=_OUTPUTS, module=_MODULE)
class LatentMultiply(Node):
    """Multiplies latents by a number."""

    samples: Latent = _latents()
    multiplier: float = number(default=1.0, min=-10.0, max=10.0, step=0.01, tooltip="The number.")

    def run(self, ctx: NodeContext) -> tuple[Latent]:
        return _with(self.samples, self.samples.samples * self.multiplier)


@node(title="LatentInterpolate", category=_CATEGORY, outputs=_OUTPUTS, module=_MODULE)
class LatentInterpolate(Node):
    """Latents between two: directions and lengths of their vectors are mixed one by one."""

    samples1: Latent = _latents("The latents at ratio 1.")
    samples2: Latent = _latents("The latents at ratio 0.")
    ratio: float = number(default=1.0, min=0.0, max=1.0, step=0.01, tooltip="Share of the first latents.")

    def run(self, ctx: NodeContext) -> tuple[Latent]:
        other = _fitting(self.samples1, self.samples2)
        return _with(self.samples1, interpolated(self.samples1.samples, other, self.ratio))


@node(title="Latent Blend", category="_for_testing", outputs=_OUTPUTS)
class LatentBlend(Node):
    """Mixes latents."""

    samples1: Latent = _latents("The latents at factor 1.")
    samples2: Latent = _latents("The latents at factor 0.")
    blend_factor: float = number(default=0.5, min=0, max=1, step=0.01, tooltip="Share of the first latents.")

    def run(self, ctx: NodeContext) -> tuple[Latent]:
        first, second = self.samples1.samples, self.samples2.samples
        if first.shape != second.shape:
            second = repeat_to(
                resize(second, first.shape[-1], first.shape[-2], method="bicubic", crop="center"), first.shape[0]
            )
        return _with(self.samples1, first * self.blend_factor + second * (1 - self.blend_factor))


@node(title="LatentConcat", category=_CATEGORY, outputs=_OUTPUTS, module=_MODULE)
class LatentConcat(Node):
    """Puts latents side by side."""

    samples1: Latent = _latents("The first latents.")
    samples2: Latent = _latents("The latents to put after them; before them for a direction with a minus.")
    dim: str = combo(("x", "-x", "y", "-y", "t", "-t"), tooltip="Across, down, or along frames.")

    def run(self, ctx: NodeContext) -> tuple[Latent]:
        parts = [self.samples1.samples, repeat_to(self.samples2.samples, self.samples1.samples.shape[0])]
        if self.dim.startswith("-"):
            parts.reverse()
        return _with(self.samples1, torch.cat(parts, dim=_DIMENSIONS[self.dim.removeprefix("-")]))


@node(title="LatentCut", category=_CATEGORY, outputs=_OUTPUTS, module=_MODULE)
class LatentCut(Node):
    """Takes a strip out of latents."""

    samples: Latent = _latents()
    dim: str = combo(("x", "y", "t"), tooltip="Across, down, or along frames.")
    index: int = integer(
        default=0, min=-16384, max=16384, step=1, tooltip="The first cell to take; below 0 counts from the end."
    )
    amount: int = integer(default=1, min=1, max=16384, step=1, tooltip="How many cells to take.")

    def run(self, ctx: NodeContext) -> tuple[Latent]:
        samples, dim = self.samples.samples, _DIMENSIONS[self.dim]
        length = samples.shape[dim]
        first = min(self.index, length - 1) if self.index >= 0 else max(0, length + self.index)
        return _with(self.samples, samples.narrow(dim, first, min(length - first, self.amount)))


@node(
    title="LatentApplyOperation",
    category="latent/advanced/operations",
    outputs=_OUTPUTS,
    module=_MODULE,
    is_experimental=True,
)
class LatentApplyOperation(Node):
    """Changes latents by an operation."""

    samples: Latent = _latents()
    operation: LatentOperation = socket("LATENT_OPERATION", tooltip="What to do.")

    def run(self, ctx: NodeContext) -> tuple[Latent]:
        return _with(self.samples, self.operation(self.samples.samples))


@node(
    title="LatentApplyOperationCFG",
    category="latent/advanced/operations",
    outputs=(Output("MODEL", tooltip="The model with changed guidance."),),
    module=_MODULE,
    is_experimental=True,
)
class LatentApplyOperationCFG(Node):
    """Changes what the positive prompt adds to the negative one, in every step."""

    model: Model = socket("MODEL", tooltip="The model to change.")
    operation: LatentOperation = socket("LATENT_OPERATION", tooltip="What to do.")

    def run(self, ctx: NodeContext) -> tuple[Model]:
        return (self.model.with_guidance(self.model.guidance.with_pre_cfg(OperationOnGuidance(self.operation))),)


@node(
    title="LatentOperationTonemapReinhard",
    category="latent/advanced/operations",
    outputs=_OPERATION,
    module=_MODULE,
    is_experimental=True,
)
class LatentOperationTonemapReinhard(Node):
    """Softens the strongest values, so that high guidance burns less."""

    multiplier: float = number(default=1.0, min=0.0, max=100.0, step=0.01, tooltip="Higher softens less.")

    def run(self, ctx: NodeContext) -> tuple[LatentOperation]:
        return (ReinhardTonemap(self.multiplier),)


@node(
    title="LatentOperationSharpen",
    category="latent/advanced/operations",
    outputs=_OPERATION,
    module=_MODULE,
    is_experimental=True,
)
class LatentOperationSharpen(Node):
    """Sharpens latents."""

    sharpen_radius: int = integer(default=9, min=1, max=31, step=1, tooltip="Cells that each cell is compared with.")
    sigma: float = number(default=1.0, min=0.1, max=10.0, step=0.1, tooltip="How far the comparison reaches.")
    alpha: float = number(default=0.1, min=0.0, max=5.0, step=0.01, tooltip="Strength.")

    def run(self, ctx: NodeContext) -> tuple[LatentOperation]:
        return (Sharpen(self.sharpen_radius, self.sigma, self.alpha),)
