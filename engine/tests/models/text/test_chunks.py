"""Prompts become weighted chunks as ComfyUI cuts them."""

import json
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from studio_engine.models.text.chunks import Chunk, ChunkRules, chunks_of, empty_chunk
from studio_engine.models.text.embeddings import groups_of
from studio_engine.models.text.recipes import SD3, SDXL
from studio_engine.models.text.weights import parse_prompt

GOLDENS = json.loads((Path(__file__).parents[2] / "fixtures" / "comfy_goldens.json").read_text())["prompt_weights"]
# ComfyUI's goldens show escaped parentheses as it holds them inside.
REVEAL = {"\x00\x02": "(", "\x00\x01": ")"}
START, END, PAD = 900, 901, 902


def one_per_word(text: str) -> list[int]:
    return list(range(len(text.split())))


def chunks(prompt: str, length: int | None = 77, **rules: int) -> list[Chunk]:
    wanted = ChunkRules(one_per_word, start=START, end=END, pad=PAD, length=length, **rules)
    groups = [
        group for segment in parse_prompt(prompt) for group in groups_of(segment, one_per_word, lambda name: None)
    ]
    return chunks_of(groups, wanted)


@pytest.mark.parametrize("prompt", sorted(GOLDENS))
def test_weights_are_comfyuis(prompt: str) -> None:
    expected = [(text, weight) for text, weight in GOLDENS[prompt]]
    for hidden, shown in REVEAL.items():
        expected = [(text.replace(hidden, shown), weight) for text, weight in expected]
    assert [(segment.text, segment.weight) for segment in parse_prompt(prompt)] == expected


def test_deep_nesting_is_no_recursion() -> None:
    assert parse_prompt("(" * 2000 + "a" + ")" * 2000)[0].text == "a"


@given(st.text(alphabet="ab():1. \\", max_size=60))
def test_no_letter_is_invented(prompt: str) -> None:
    letters = "".join(segment.text for segment in parse_prompt(prompt))
    assert sorted(set(letters)) == sorted(set(letters) & set(prompt))


def test_a_chunk_is_framed_and_padded() -> None:
    (chunk,) = chunks("(a:1.5) b", 8)
    assert chunk.tokens == (START, 0, 0, END, PAD, PAD, PAD, PAD)
    assert chunk.weights == (1.0, 1.5, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0)
    assert chunk.end == 3


def test_clip_l_is_padded_with_its_end_token_and_clip_g_with_nought() -> None:
    low, high = (chunks_of([[(5, 1.0)]], rules.chunks)[0] for rules in SDXL.encoders)
    assert low.tokens[3:] == (49407,) * 74
    assert high.tokens[3:] == (0,) * 74


def test_an_empty_prompt_is_one_chunk() -> None:
    assert len(chunks("")) == 1


def test_a_short_segment_moves_whole_to_the_next_chunk() -> None:
    first, second = chunks("w " * 70 + "(" + "x " * 7 + ":1.2)")
    assert first.weights.count(1.2) == 0
    assert second.weights.count(1.2) == 7


def test_a_long_segment_is_split_at_the_border() -> None:
    first, second = chunks("w " * 70 + "(" + "x " * 20 + ":1.2)")
    assert first.weights.count(1.2) == 5
    assert second.weights.count(1.2) == 15


@given(st.integers(0, 400), st.integers(10, 77))
def test_no_token_is_lost(words: int, length: int) -> None:
    found = chunks("w " * words, length)
    kept = [token for chunk in found for token in chunk.tokens if token not in (START, END, PAD)]
    assert kept == list(range(words))
    assert all(len(chunk.tokens) == len(chunk.weights) == length for chunk in found)
    assert all(chunk.tokens[chunk.end] == END for chunk in found)


@given(st.integers(0, 300))
def test_a_chunk_without_fixed_length_holds_everything(words: int) -> None:
    (chunk,) = chunks("w " * words, None, min_length=50)
    assert len(chunk.tokens) == max(words + 2, 50)


def test_padding_comes_before_the_least_length() -> None:
    (chunk,) = chunks("a b", None, min_length=10, min_padding=3)
    assert len(chunk.tokens) == 10
    (chunk,) = chunks("a b", None, min_length=5, min_padding=3)
    assert len(chunk.tokens) == 7


def test_t5_has_no_start_token() -> None:
    (chunk,) = chunks_of([[(7, 1.0)]], SD3.rules_of("t5xxl").chunks)
    assert chunk.tokens[:3] == (7, 1, 0)
    assert len(chunk.tokens) == 77


@pytest.mark.parametrize("length", [0, 1, 2, 77])
def test_the_empty_prompt_has_the_asked_length(length: int) -> None:
    chunk = empty_chunk(ChunkRules(one_per_word, start=START, end=END, pad=PAD), length)
    assert len(chunk.tokens) == len(chunk.weights) == max(length, 2)
    assert chunk.tokens[chunk.end] == END


def test_learned_vectors_take_a_place_each() -> None:
    vectors = torch.zeros(3, 4)
    (segment,) = parse_prompt("embedding:style")
    (group,) = groups_of(segment, one_per_word, {"style": vectors}.get)
    (chunk,) = chunks_of([group], ChunkRules(one_per_word, end=END, pad=PAD, length=8))
    assert [token for token in chunk.tokens if isinstance(token, int)] == [END, PAD, PAD, PAD, PAD]
