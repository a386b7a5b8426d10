"""What a model is told besides the noisy latents: prompts, with where, when and how strongly they count."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeAlias, runtime_checkable

import torch
from torch import Tensor

if TYPE_CHECKING:
    from studio_engine.sampling.model import Latent, Network
    from studio_engine.sampling.prompt_hooks import PromptHook


@dataclass(frozen=True)
class Area:
    """A rectangle: in latent cells, or in shares (0…1) of the latent's sides where `is_share`."""

    height: float
    width: float
    y: float
    x: float
    is_share: bool = False


@dataclass(frozen=True)
class SizeHint:
    """Picture sizes in pixels that SDXL was trained to be told of; None = those of the latents."""

    width: int | None = None
    height: int | None = None
    crop_width: int = 0
    crop_height: int = 0
    target_width: int | None = None
    target_height: int | None = None
    aesthetic_score: float | None = None
    """The refiner's; None = 6 for the positive and 2.5 for the negative prompt."""


@dataclass(frozen=True, eq=False)
class ControlUse:
    """A ControlNet with its picture, as a prompt carries it."""

    net: ControlNet | UnboundControl
    hint: Tensor
    """IMAGE `[batch, height, width, 3]`"""
    strength: float
    start_percent: float = 0.0
    end_percent: float = 1.0
    previous: ControlUse | None = None
    """The one that was applied before; their outputs are summed."""
    extra: Mapping[str, object] = field(default_factory=dict)
    """What single kinds of nets need besides: the mask of an inpainting net, the type of a union net, the VAE."""


@dataclass(frozen=True, eq=False)
class Cond:
    """One prompt: an entry of ComfyUI's CONDITIONING list."""

    context: Tensor
    """`[1 or batch, tokens, width]`: the text encoder's answer, as the model's attention reads it."""
    pooled: Tensor | None = None
    """`[1 or batch, width]`: the whole prompt in one vector, where the family has one."""
    strength: float = 1.0
    area: Area | None = None
    mask: Tensor | None = None
    """`[rows, h, w]` of any size: where the prompt counts."""
    mask_strength: float = 1.0
    is_area_of_mask: bool = False
    """Compute only the rectangle around the mask (ComfyUI's set_area_to_bounds)."""
    start_percent: float = 0.0
    end_percent: float = 1.0
    control: ControlUse | None = None
    is_control_for_all: bool = False
    """The nets of a positive prompt also steer the negative one (ControlNetApply)."""
    size: SizeHint = field(default_factory=SizeHint)
    concat_latent: Tensor | None = None
    """Raw latents that the network reads as extra channels (inpainting, editing)."""
    concat_mask: Tensor | None = None
    guidance: float | None = None
    """Distilled guidance (Flux)."""
    references: tuple[Tensor, ...] = ()
    """Raw latents of reference pictures."""
    hooks: tuple[PromptHook, ...] = ()
    """What they change about the model holds for this prompt alone."""
    encoded_for: tuple[float, float] = (0.0, 1.0)
    """The share of the run that it was encoded for, where that differs by share; it counts within both."""
    is_default: bool = False
    """Counts only where no other prompt of its list does."""
    extra: Mapping[str, object] = field(default_factory=dict)
    """Values of single families, by ComfyUI's name: `unclip_conditioning`, `gligen`, …"""


Conditioning: TypeAlias = tuple[Cond, ...]


@dataclass(frozen=True, eq=False)
class ControlInput:
    """A ControlNet's part in one call: one hint per row."""

    net: ControlNet
    hint: Tensor
    """`[rows, channels, height, width]`, as the net reads it: pixels, or what its first layers made of them."""
    strength: float
    extra: Mapping[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class NetInput:
    """All that a network reads besides x and its timestep; each tensor has one row per row of x."""

    context: Tensor
    """`[rows, tokens, width]`"""
    vector: Tensor | None = None
    """`[rows, width]`: pooled text and sizes, as the family joins them."""
    concat: Tensor | None = None
    """`[rows, channels, h, w]`: extra input channels."""
    guidance: Tensor | None = None
    """`[rows]`"""
    references: tuple[Tensor, ...] = ()
    """`[rows, channels, h, w]` each, of any size."""
    controls: tuple[ControlInput, ...] = ()
    extra: Mapping[str, Tensor] = field(default_factory=dict)
    prompt_of_row: tuple[int, ...] = ()
    """Which list of conditioning each row answers: 0 positive, 1 negative, …"""
    is_context_repeatable: bool = True
    """Whether repeating the tokens changes nothing. False where tokens attend to the picture together with it."""


@dataclass(frozen=True, eq=False)
class Residuals:
    """What a control adds: to each input block's output (in order; None = nothing), to the middle, to output blocks.

    Flux's double blocks count as input and its single ones as output blocks; SD3's joint blocks as output blocks.
    """

    input: tuple[Tensor | None, ...] = ()
    middle: tuple[Tensor | None, ...] = ()
    output: tuple[Tensor | None, ...] = ()


class ControlNet(Protocol):
    """CONTROL_NET: a control model bound to its weights, under a light name."""

    @property
    def batch_key(self) -> Hashable:
        """Equal for nets whose rows may share a forward."""
        ...

    def prepare(self, use: ControlUse, latent: Latent) -> ControlInput:
        """The hint at the size that these latents need, one row; made once per run."""
        ...

    def residuals(self, x: Tensor, timestep: Tensor, inputs: NetInput, control: ControlInput) -> Residuals:
        """`x` is scaled as the network's input is, `[rows, channels, h, w]`."""
        ...


@runtime_checkable
class UnboundControl(Protocol):
    """CONTROL_NET: a control model that is made of the network that it steers."""

    def bound_to(self, network: Network) -> ControlNet: ...


@dataclass(frozen=True, eq=False)
class RunInfo:
    """What prompts may need to know of the run that they are prepared for."""

    shape: torch.Size
    """Of the latents: `[batch, channels, h, w]`."""
    device: torch.device
    latent: Tensor
    """As the model sees latents (scaled), on the CPU."""
    noise: Tensor
    mask: Tensor | None
    """`[batch, 1, h, w]`, or None where all is drawn anew."""
    seed: int
    cells: int = 8
    """Pixels per latent cell and side."""
