"""Where a graph may change what a model does: inside its network, and in its guidance.

A hook that is a frozen dataclass of plain values equals another of the same values, so that rows of several jobs with
equal hooks still share one forward. A hook that holds tensors is equal to itself only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Generic, Literal, Protocol, TypeAlias, TypeVar
from weakref import WeakKeyDictionary

from torch import Tensor

if TYPE_CHECKING:
    from studio_engine.sampling.conditioning import Conditioning
    from studio_engine.sampling.conds import PromptList
    from studio_engine.sampling.model import Model

Value = TypeVar("Value")

Side: TypeAlias = Literal["input", "middle", "output", "double", "single"]
"""UNets have input, middle and output blocks; transformers have double (joint) and single blocks."""


@dataclass(frozen=True)
class Place:
    """A block of the network, numbered as in the single-file checkpoints, and a transformer layer within it."""

    side: Side
    block: int
    layer: int = 0


@dataclass(frozen=True, eq=False)
class HookCall:
    """What a hook in the network may know besides its tensors."""

    place: Place
    sigma: Tensor
    """fp32 `[rows]`."""
    prompt_of_row: tuple[int, ...]
    """Which list of conditioning each row answers: 0 positive, 1 negative, …"""
    latent_shape: tuple[int, ...]
    """Of the whole call: `[rows, channels, h, w]`."""
    heads: int = 0
    """Attention heads of the layer; 0 outside attention."""
    width: int = 0
    """Channels of a UNet's first level; 0 in transformers."""


class BlockHook(Protocol):
    """Changes a block's output `h` `[rows, channels, h, w]`."""

    def __call__(self, h: Tensor, call: HookCall, /) -> Tensor: ...


class SkipHook(Protocol):
    """Changes an output block's inputs, before they are joined: the running tensor and the skip connection."""

    def __call__(self, h: Tensor, skip: Tensor, call: HookCall, /) -> tuple[Tensor, Tensor]: ...


class AttentionInputHook(Protocol):
    """Changes what queries, keys and values are projected from: `[rows, tokens, width]` each."""

    def __call__(self, q: Tensor, k: Tensor, v: Tensor, call: HookCall, /) -> tuple[Tensor, Tensor, Tensor]: ...


class AttentionHook(Protocol):
    """Computes attention in place of the network: projected q, k, v `[rows, tokens, heads · head width]` to the same.

    Several at one layer add up, as in IP-Adapter; the first one is given the plain answer to add to.
    """

    def __call__(self, q: Tensor, k: Tensor, v: Tensor, plain: Tensor, call: HookCall, /) -> Tensor: ...


class AttentionOutputHook(Protocol):
    """Changes attention's output `[rows, tokens, width]` before it is added to the running tensor."""

    def __call__(self, out: Tensor, call: HookCall, /) -> Tensor: ...


Attention: TypeAlias = Literal["attn1", "attn2"]
"""Self attention, and attention to the prompt."""


@dataclass(frozen=True)
class NetworkHooks:
    """Applied in order. Equal hooks may share a forward."""

    input_block: tuple[BlockHook, ...] = ()
    input_block_after_skip: tuple[BlockHook, ...] = ()
    """Change what the next block sees, not what the skip connection carries."""
    middle_block: tuple[BlockHook, ...] = ()
    output_block: tuple[SkipHook, ...] = ()
    attention_input: tuple[tuple[Attention, AttentionInputHook], ...] = ()
    attention: tuple[tuple[Attention, Place | None, AttentionHook], ...] = ()
    """None = in every layer."""
    attention_output: tuple[tuple[Attention, AttentionOutputHook], ...] = ()
    skipped: tuple[Place, ...] = ()
    """Transformer layers that are passed over (skip layer guidance)."""

    @property
    def is_empty(self) -> bool:
        return self == _NONE

    def __add__(self, other: NetworkHooks) -> NetworkHooks:
        """These, then the others."""
        names = type(self).__dataclass_fields__
        return NetworkHooks(**{name: getattr(self, name) + getattr(other, name) for name in names})


_NONE = NetworkHooks()


@dataclass(frozen=True, eq=False)
class GuidanceCall:
    """One guided step, as guidance hooks see it. Tensors are `[batch, …]`; answers are clean latents."""

    model: Model
    x: Tensor
    sigma: Tensor
    """`[batch]`"""
    cfg: float
    prompts: tuple[PromptList, ...]
    """Positive, negative, … as prepared for this run."""
    answers: tuple[Tensor, ...]
    """What each of the prompts says; zeros for a negative prompt that was not asked."""
    answer: Answers
    """Asks the model anew."""
    is_negative_asked: bool = True
    denoised: Tensor | None = None
    """The guided answer; None before guidance."""

    @property
    def positive(self) -> Tensor:
        return self.answers[0]

    @property
    def negative(self) -> Tensor:
        return self.answers[1]

    @property
    def level(self) -> Tensor:
        """Sigma where x lives, `[batch, 1, 1, 1]`."""
        return self.sigma.to(self.x.device).view(-1, *[1] * (self.x.dim() - 1))

    @property
    def guided(self) -> Tensor:
        """The guided answer, for hooks that run after guidance."""
        if self.denoised is None:
            raise RuntimeError("nothing is guided yet")
        return self.denoised


class Answers(Protocol):
    """One clean latent per prompt list, each with areas, masks and strengths settled; zeros for None."""

    def __call__(
        self, model: Model, prompts: Sequence[PromptList | None], x: Tensor, sigma: Tensor, /
    ) -> tuple[Tensor, ...]: ...

    def prepare(self, *lists: Conditioning) -> tuple[PromptList, ...]:
        """Other lists than the run's own, made ready for it."""
        ...


class PreCfgHook(Protocol):
    """Changes the answers before they are guided."""

    def __call__(self, call: GuidanceCall, /) -> tuple[Tensor, ...]: ...


class CfgHook(Protocol):
    """Guidance in place of `negative + (positive − negative) · cfg`. Gives a clean latent."""

    def __call__(self, call: GuidanceCall, /) -> Tensor: ...


class PostCfgHook(Protocol):
    """Changes the guided answer `call.denoised`."""

    def __call__(self, call: GuidanceCall, /) -> Tensor: ...


class AskHook(Protocol):
    """Asks the model in place of `answer(model, prompts, x, sigma)`; the second prompt list is the negative one."""

    def __call__(
        self, answer: Answers, model: Model, prompts: Sequence[PromptList | None], x: Tensor, sigma: Tensor, /
    ) -> tuple[Tensor, ...]: ...


class GuidedStep(Protocol):
    """`(x, sigma) -> (denoised, what the negative prompt alone says)`."""

    def __call__(self, x: Tensor, sigma: Tensor, /) -> tuple[Tensor, Tensor]: ...


class StepWrapper(Protocol):
    """Stands around every guided step, e.g. to spare some of them."""

    def __call__(self, step: GuidedStep, x: Tensor, sigma: Tensor, /) -> tuple[Tensor, Tensor]: ...


class RunPatch(Protocol):
    """Gives the model that one run asks: for patches that remember something from step to step."""

    def for_run(self, model: Model, /) -> Model: ...


class MaskHook(Protocol):
    """`(mask, share) -> mask` of a step: `share` of the run's timesteps, 1 at its start and 0 at its end, is ahead."""

    def __call__(self, mask: Tensor, share: Tensor, /) -> Tensor: ...


class RunState(Generic[Value]):
    """What a guidance hook remembers from step to step, apart for each run: a model may be in several at once."""

    def __init__(self) -> None:
        self._values: WeakKeyDictionary[Answers, Value] = WeakKeyDictionary()

    def get(self, run: Answers) -> Value | None:
        """`run` is the call's `answer`."""
        return self._values.get(run)

    def set(self, run: Answers, value: Value) -> None:
        self._values[run] = value


@dataclass(frozen=True)
class GuidanceHooks:
    ask: AskHook | None = None
    pre_cfg: tuple[PreCfgHook, ...] = ()
    cfg: CfgHook | None = None
    post_cfg: tuple[PostCfgHook, ...] = ()
    mask: MaskHook | None = None
    steps: tuple[StepWrapper, ...] = ()
    runs: tuple[RunPatch, ...] = ()
    always_asks_negative: bool = False
    """Even at cfg 1, where its answer has no weight."""

    def with_pre_cfg(self, hook: PreCfgHook) -> GuidanceHooks:
        return replace(self, pre_cfg=(*self.pre_cfg, hook))

    def with_post_cfg(self, hook: PostCfgHook) -> GuidanceHooks:
        return replace(self, post_cfg=(*self.post_cfg, hook))

    def with_step(self, wrapper: StepWrapper) -> GuidanceHooks:
        """The newest stands outermost."""
        return replace(self, steps=(*self.steps, wrapper))

    def with_run(self, patch: RunPatch) -> GuidanceHooks:
        return replace(self, runs=(*self.runs, patch))
