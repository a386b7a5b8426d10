"""T5's sentencepiece tokenizer: text to token ids, without the end token.

The vocabulary in `t5_tokenizer.json.xz` is Google's (T5, Apache License 2.0).
"""

from __future__ import annotations

import functools
import lzma
from pathlib import Path
from typing import Final

from tokenizers import Tokenizer

from studio_engine.models.text.tokenizer import as_unicode

T5_END_TOKEN: Final = 1
T5_VOCABULARY: Final = 32_100
"""Encoders have a few more rows, unused."""


@functools.lru_cache(maxsize=1)
def t5_tokenizer() -> Tokenizer:
    """0.2 s at the first call."""
    stored = Path(__file__).with_name("t5_tokenizer.json.xz").read_bytes()
    return Tokenizer.from_str(lzma.decompress(stored).decode("utf-8"))


def t5_token_ids(text: str) -> list[int]:
    return list(t5_tokenizer().encode(as_unicode(text), add_special_tokens=False).ids)
