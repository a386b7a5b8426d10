"""Textual inversion (Gal et al. 2022): learned vectors that stand in a prompt as `embedding:name`."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

import torch
from torch import Tensor

from studio_engine.models.text.chunks import Group
from studio_engine.models.text.weights import Segment

log = logging.getLogger(__name__)

FindVectors: TypeAlias = Callable[[str], Tensor | None]
"""Name in the prompt -> `[vectors, width]`, or None where this encoder has no such embedding."""

_MARK: Final = "embedding:"
_BUNDLE: Final = "bundle_emb."


def vectors_of(tensors: Mapping[str, Tensor], *, key: str, width: int) -> Tensor | None:
    """`[vectors, width]` of an embedding file for the encoder `key` (clip_l, clip_g, t5xxl); None where none fits.

    Files hold one tensor per encoder by its name, a bundle of them, or a single tensor of any name.
    """
    if key in tensors:
        found = tensors[key]
    elif bundle := _bundled(tensors, ".string_to_param.*") or _bundled(tensors, f".{key}"):
        found = torch.cat(bundle)
    else:
        found = next(iter(tensors.values()))
    vectors = found.reshape(1, -1) if found.ndim == 1 else found
    return vectors.float() if vectors.ndim == 2 and vectors.shape[1] == width else None


def groups_of(segment: Segment, tokenize: Callable[[str], list[int]], find: FindVectors) -> list[Group]:
    """The segment's tokens; each embedding, and each text between embeddings, is a group."""
    first, *marked = re.split(rf" {_MARK}|\n{_MARK}", segment.text)
    pieces = [piece for piece in (first, *(_MARK + rest for rest in marked)) if piece]
    groups: list[Group] = []
    for piece in pieces:
        text = piece
        if piece.startswith(_MARK) and piece[len(_MARK) :].split():
            vectors, text = _taken(piece[len(_MARK) :], find)
            if vectors is not None:
                groups.append([(vector, segment.weight) for vector in vectors])
        if text:
            groups.append([(token, segment.weight) for token in tokenize(text)])
    return groups


def _taken(marked: str, find: FindVectors) -> tuple[Tensor | None, str]:
    """`name, more words` -> the vectors of that name, and the words that are left; commas may follow the name."""
    name, *rest = marked.split()
    left = " ".join(rest)
    vectors = find(name)
    bare = name.strip(",")
    if vectors is None and len(bare) < len(name):
        vectors = find(bare)
        left = f"{name[len(bare) :]} {left}"
    if vectors is None:
        log.warning("the prompt names the embedding %s, which is not there or was made for another model", bare)
    return vectors, left


def _bundled(tensors: Mapping[str, Tensor], ending: str) -> list[Tensor]:
    return [value for name, value in tensors.items() if name.startswith(_BUNDLE) and name.endswith(ending)]
