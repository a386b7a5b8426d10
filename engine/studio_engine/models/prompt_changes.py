"""What prompts may change about the models that serve them: the values that a graph's hooks carry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import cast

from studio_engine.models.adapters.lora import PatchableText, adapted_model, adapted_text
from studio_engine.models.files import ModelFile
from studio_engine.models.merge import merged_models, merged_texts
from studio_engine.models.parts import PartRef, WeightPatch
from studio_engine.sampling.conditioning import Conditioning
from studio_engine.sampling.model import Model
from studio_engine.sampling.prompt_hooks import PromptHook
from studio_engine.sampling.text_encoder import TextEncoder


@dataclass(frozen=True)
class LoraChange:
    """A ModelChange."""

    file: ModelFile

    def applied(self, model: Model, strength: float) -> Model:
        return adapted_model(model, self.file, strength)

    def applied_to_text(self, clip: TextEncoder, strength: float) -> TextEncoder:
        return adapted_text(clip, self.file, strength) if strength else clip


@dataclass(frozen=True, eq=False)
class CheckpointChange:
    """A ModelChange: towards the weights of another model of the same family."""

    other: Model
    other_clip: TextEncoder

    def applied(self, model: Model, strength: float) -> Model:
        return merged_models(model, self.other, (1.0 - strength, strength)) if strength else model

    def applied_to_text(self, clip: TextEncoder, strength: float) -> TextEncoder:
        return merged_texts(clip, self.other_clip, (1.0 - strength, strength)) if strength else clip


@dataclass(frozen=True, eq=False)
class HookedText:
    """A TextEncoder that hooks change, and that hands them on to the prompts which it encodes."""

    clip: TextEncoder
    hooks: tuple[PromptHook, ...]
    is_for_model: bool
    is_scheduled: bool
    """Prompts are encoded once for each share of the run in which the hooks' strengths are constant."""

    def encode(
        self, text: str, *, parts: Mapping[str, str] | None = None, leaves_out_empty: bool = False
    ) -> Conditioning:
        conds: Conditioning = ()
        for start, end in self._shares():
            clip = self._at(start)
            encoded = clip.encode(text, parts=parts, leaves_out_empty=leaves_out_empty)
            hooks = self.hooks if self.is_for_model else ()
            conds += tuple(replace(cond, hooks=cond.hooks + hooks, encoded_for=(start, end)) for cond in encoded)
        return conds

    @property
    def refs(self) -> tuple[PartRef, ...]:
        return self._patchable.refs

    def patched_by(self, part: str, patch: WeightPatch) -> HookedText:
        return replace(self, clip=cast(TextEncoder, self._patchable.patched_by(part, patch)))

    def with_layer(self, layer: int) -> HookedText:
        return replace(self, clip=self.clip.with_layer(layer))

    def with_t5_padding(self, min_padding: int, min_length: int) -> HookedText:
        return replace(self, clip=self.clip.with_t5_padding(min_padding, min_length))

    @property
    def _patchable(self) -> PatchableText:
        """Every text encoder with files of its own is."""
        return cast(PatchableText, self.clip)

    def _shares(self) -> list[tuple[float, float]]:
        if not self.is_scheduled:
            return [(0.0, 1.0)]
        later = {frame.start_percent for hook in self.hooks for frame in hook.keyframes[1:]}
        bounds = [0.0, *sorted(later - {0.0, 1.0}), 1.0]
        return list(pairwise(bounds))

    def _at(self, percent: float) -> TextEncoder:
        clip = self.clip
        for hook in self.hooks:
            clip = hook.change.applied_to_text(clip, hook.clip_strength * hook.share_from(percent))
        return clip
