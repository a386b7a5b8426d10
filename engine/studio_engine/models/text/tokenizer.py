"""CLIP's byte-pair tokenizer: text to token ids, without start and end tokens.

The merges in `clip_bpe_merges.txt.gz` are OpenAI's (CLIP, MIT licence).
"""

from __future__ import annotations

import functools
import gzip
from pathlib import Path
from typing import Final

from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers
from tokenizers.models import BPE

START_TOKEN: Final = 49406
END_TOKEN: Final = 49407

_MERGE_COUNT = 49152 - 256 - 2
_WORDS = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"


@functools.lru_cache(maxsize=1)
def clip_tokenizer() -> Tokenizer:
    merges_file = Path(__file__).with_name("clip_bpe_merges.txt.gz")
    lines = gzip.decompress(merges_file.read_bytes()).decode("utf-8").split("\n")[1 : _MERGE_COUNT + 1]
    merges = [(left, right) for left, right in (line.split() for line in lines)]
    letters = list(_byte_letters().values())
    names = [*letters, *(letter + "</w>" for letter in letters), *(left + right for left, right in merges)]
    vocabulary = {name: index for index, name in enumerate([*names, "<|startoftext|>", "<|endoftext|>"])}
    tokenizer = Tokenizer(BPE(vocab=vocabulary, merges=merges, end_of_word_suffix="</w>"))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_WORDS), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    return tokenizer


def token_ids(text: str) -> list[int]:
    return list(clip_tokenizer().encode(as_unicode(text), add_special_tokens=False).ids)


def as_unicode(text: str) -> str:
    """Halves of surrogate pairs, which JSON may hold and no encoding knows, become question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _byte_letters() -> dict[int, str]:
    """Every byte as one visible letter, in the order of CLIP's vocabulary: printable bytes first."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in printable]
    return {byte: chr(byte) for byte in printable} | {byte: chr(256 + i) for i, byte in enumerate(hidden)}
