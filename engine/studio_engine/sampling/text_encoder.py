"""CLIP's socket: what turns prompts into conditioning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from studio_engine.sampling.conditioning import Conditioning


class TextEncoder(Protocol):
    """A CLIP."""

    def encode(
        self, text: str, *, parts: Mapping[str, str] | None = None, leaves_out_empty: bool = False
    ) -> Conditioning:
        """Encode one prompt in ComfyUI's syntax: `(word:1.2)` weights, chunks of 75 tokens, `embedding:name`.

        `parts` are prompts for single encoders (`l`, `h`, `g`, `t5xxl`) in place of `text`. Where `leaves_out_empty`,
        encoders without a prompt say nothing at all. Raises `engine.node_failed` for encoders that it does not have.
        """
        ...

    def with_layer(self, layer: int) -> TextEncoder:
        """Clip skip: reads an inner layer's states, -1 = the last; a layer that is not there counts as the last."""
        ...

    def with_t5_padding(self, min_padding: int, min_length: int) -> TextEncoder:
        """T5's prompts padded by at least so many tokens, to at least so many in all."""
        ...
