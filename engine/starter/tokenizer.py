"""CLIP's byte-pair tokenizer, over the vocabulary file of the PyPI package open_clip_torch (MIT)."""

import functools
import gzip
import importlib.util
import itertools
import os
import re
from pathlib import Path

CONTEXT_TOKENS = 77
VOCABULARY_SIZE = 49408
START_TOKEN = 49406
END_TOKEN = 49407
WORD = re.compile(r"'s|'t|'re|'ve|'m|'ll|'d|[a-z]+|[0-9]|[^\sa-z0-9]+")


def _vocabulary_file() -> Path:
    if given := os.environ.get("STARTER_BPE_FILE"):
        return Path(given)
    spec = importlib.util.find_spec("open_clip")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("pip install --no-deps open_clip_torch, or name its vocabulary in STARTER_BPE_FILE")
    return Path(spec.origin).with_name("bpe_simple_vocab_16e6.txt.gz")


def _byte_characters() -> dict[int, str]:
    """The printable stand-in of each byte, in the order of the vocabulary."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [byte for byte in range(256) if byte not in plain]
    return {byte: chr(byte) for byte in plain} | {byte: chr(256 + n) for n, byte in enumerate(rest)}


class Tokenizer:
    """Text to the 77 token numbers that SD1's text encoder takes, padded with the end token."""

    def __init__(self, file: Path | None = None) -> None:
        lines = gzip.decompress((file or _vocabulary_file()).read_bytes()).decode().split("\n")
        merges = [tuple(line.split()) for line in lines[1 : VOCABULARY_SIZE - 512 - 2 + 1]]
        self.characters = _byte_characters()
        single = list(self.characters.values())
        pieces = [*single, *(piece + "</w>" for piece in single), *("".join(merge) for merge in merges)]
        self.numbers = {piece: number for number, piece in enumerate(pieces)}
        self.ranks = {merge: rank for rank, merge in enumerate(merges)}
        self.word_numbers = functools.lru_cache(100_000)(self._word_numbers)

    def _word_numbers(self, word: str) -> list[int]:
        pieces = [*word[:-1], word[-1] + "</w>"]
        while len(pieces) > 1:
            pairs = list(itertools.pairwise(pieces))
            best = min(pairs, key=lambda pair: self.ranks.get(pair, len(self.ranks)))
            if best not in self.ranks:
                break
            at = pairs.index(best)
            pieces[at : at + 2] = ["".join(best)]
        return [self.numbers[piece] for piece in pieces]

    def encode(self, text: str, context: int = CONTEXT_TOKENS) -> list[int]:
        """`context` token numbers; longer text is cut."""
        numbers = [START_TOKEN]
        for word in WORD.findall(text.lower()):
            numbers += self.word_numbers("".join(self.characters[byte] for byte in word.encode()))
        numbers = [*numbers[: context - 1], END_TOKEN]
        return numbers + [END_TOKEN] * (context - len(numbers))
