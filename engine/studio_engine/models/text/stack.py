"""CLIP: the text encoders of a model under a light name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, Protocol

import torch
from torch import Tensor

from studio_engine.checkpoint.safetensors_file import read_header, read_tensors
from studio_engine.errors import EngineError
from studio_engine.models.files import ModelFile, ModelKind
from studio_engine.models.parts import PartRef, PartSource, WeightPatch
from studio_engine.models.text.chunks import Chunk, ChunkRules, chunks_of
from studio_engine.models.text.clip import ClipText
from studio_engine.models.text.embeddings import groups_of, vectors_of
from studio_engine.models.text.encode import EncoderModule, encode_chunks, fitted
from studio_engine.models.text.recipes import Encoded, EncoderName, EncoderRules, TextRecipe
from studio_engine.models.text.t5 import T5Encoder
from studio_engine.models.text.weights import parse_prompt
from studio_engine.sampling.conditioning import Conditioning

_PAIR: Final = ("l", "g")
"""These stand side by side in the conditioning, so both need the same number of chunks."""
_ENDING: Final = ".safetensors"


class TextSource(PartSource, Protocol):
    def find(self, kind: ModelKind, name: str) -> ModelFile:
        """Raises EngineError where there is no such file, or none that can be used."""
        ...


@dataclass(frozen=True, eq=False)
class TextStack:
    """A TextEncoder."""

    source: TextSource
    recipe: TextRecipe
    refs: tuple[PartRef, ...]
    """One per encoder that is there."""
    layer: int | None = None
    """Clip skip: overrides each encoder's own layer."""
    t5_padding: tuple[int, int] | None = None
    """(least padding, least length) in place of the family's."""

    def encode(
        self, text: str, *, parts: Mapping[str, str] | None = None, leaves_out_empty: bool = False
    ) -> Conditioning:
        self._check()
        texts = self._texts(text, parts or {})
        modules = {ref.part: self._module(ref) for ref in self.refs}
        rules = [self.recipe.rules_of(ref.part) for ref in self.refs]
        heard = [each for each in rules if texts[each.name] or not leaves_out_empty]
        chunks: dict[EncoderName, list[Chunk]] = {each.name: [] for each in rules}
        chunks |= {each.name: self._chunks(texts[each.name], each, modules) for each in heard}
        self._fill_up(chunks, [each for each in rules if each.name in _PAIR], modules)
        wanted = [each for each in rules if chunks[each.name] or each.name not in _PAIR]
        # Loaded and cut before their turn on the device, so that other jobs compute meanwhile.
        encoded = self.source.batcher.alone(
            lambda: {each.name: self._encoded(modules[each.part], chunks[each.name], each) for each in wanted}
        )
        return (self.recipe.join(encoded),)

    def with_layer(self, layer: int) -> TextStack:
        return replace(self, layer=layer)

    def with_t5_padding(self, min_padding: int, min_length: int) -> TextStack:
        return replace(self, t5_padding=(min_padding, min_length))

    def patched_by(self, part: str, patch: WeightPatch) -> TextStack:
        refs = tuple(ref.patched_by(patch) if ref.part == part else ref for ref in self.refs)
        return replace(self, refs=refs)

    def _check(self) -> None:
        held = [ref.part for ref in self.refs]
        lacking = [rules.part for rules in self.recipe.encoders if rules.part not in held]
        if not held or (lacking and self.recipe.needs_all):
            raise EngineError(
                "model.untrained",
                f"The checkpoint lacks the text encoder {' and '.join(lacking)}; "
                "load it from a file of its own with CLIPLoader.",
            )

    def _texts(self, text: str, parts: Mapping[str, str]) -> dict[str, str]:
        known: list[str] = [rules.name for rules in self.recipe.encoders]
        unknown = sorted(set(parts) - set(known))
        if unknown:
            raise EngineError(
                "engine.node_failed",
                f"This CLIP has no encoder {', '.join(unknown)}; it is one of {self.recipe.name}. "
                "Use CLIPTextEncode, or the text node of this model's family.",
            )
        return {name: parts.get(name, text) for name in known}

    def _module(self, ref: PartRef) -> EncoderModule:
        module = self.source.part(ref).module
        assert isinstance(module, ClipText | T5Encoder)
        return module

    def _chunks(self, text: str, rules: EncoderRules, modules: Mapping[str, EncoderModule]) -> list[Chunk]:
        module = modules[rules.part]
        find = partial(self._vectors, rules.part, module.width)
        groups = (group for segment in parse_prompt(text) for group in groups_of(segment, rules.chunks.tokenize, find))
        return chunks_of(groups, self._padded(fitted(rules.chunks, module)))

    def _fill_up(
        self,
        chunks: dict[EncoderName, list[Chunk]],
        pair: Sequence[EncoderRules],
        modules: Mapping[str, EncoderModule],
    ) -> None:
        """Empty chunks after the shorter of two prompts that stand side by side."""
        longest = max((len(chunks[each.name]) for each in pair), default=0)
        for each in pair:
            missing = longest - len(chunks[each.name])
            chunks[each.name] += self._chunks("", each, modules) * missing

    def _padded(self, rules: ChunkRules) -> ChunkRules:
        if rules.length is not None or self.t5_padding is None:
            return rules
        min_padding, min_length = self.t5_padding
        return replace(rules, min_padding=min_padding, min_length=min_length)

    def _vectors(self, part: str, width: int, name: str) -> Tensor | None:
        try:
            file = self.source.find("embedding", name if name.endswith(_ENDING) else name + _ENDING)
        except EngineError:
            return None
        return vectors_of(read_tensors(read_header(file.path)), key=part, width=width)

    @torch.no_grad()
    def _encoded(self, module: EncoderModule, chunks: Sequence[Chunk], rules: EncoderRules) -> Encoded:
        layer = rules.layer if self.layer is None else self.layer
        return encode_chunks(module, chunks, rules, layer=layer, device=self.source.plan.device)
