"""Prompts become tokens and weights as CLIP and ComfyUI do it."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio_engine.models.text.chunks import chunk_prompt
from studio_engine.models.text.tokenizer import END_TOKEN, START_TOKEN, token_ids
from studio_engine.models.text.weights import parse_prompt

GOLDENS = json.loads((Path(__file__).parents[1] / "fixtures" / "comfy_goldens.json").read_text())["prompt_weights"]
# ComfyUI's goldens show escaped parentheses as it holds them inside.
REVEAL = {"\x00\x02": "(", "\x00\x01": ")"}


def one_per_word(text: str) -> list[int]:
    return list(range(len(text.split())))


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("a photo of a cat", [320, 1125, 539, 320, 2368]),
        ("A  PHOTO\n of a CAT", [320, 1125, 539, 320, 2368]),
        ("", []),
        ("hello world!", [3306, 1002, 256]),
        ("it's 3d", [585, 568, 274, 323]),
    ],
)
def test_token_ids_are_clips(text: str, ids: list[int]) -> None:
    assert token_ids(text) == ids


@given(st.text(max_size=200))
def test_any_text_has_tokens_of_the_vocabulary(text: str) -> None:
    assert all(0 <= token < START_TOKEN for token in token_ids(text))


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
    (chunk,) = chunk_prompt("(a:1.5) b", 8, one_per_word)
    assert chunk.ids == (START_TOKEN, 0, 0, END_TOKEN, END_TOKEN, END_TOKEN, END_TOKEN, END_TOKEN)
    assert chunk.weights == (1.0, 1.5, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0)


def test_an_empty_prompt_is_one_chunk() -> None:
    assert len(chunk_prompt("", 77, token_ids)) == 1


def test_a_short_segment_moves_whole_to_the_next_chunk() -> None:
    first, second = chunk_prompt("w " * 70 + "(" + "x " * 7 + ":1.2)", 77, one_per_word)
    assert first.weights.count(1.2) == 0
    assert second.weights.count(1.2) == 7


def test_a_long_segment_is_split_at_the_border() -> None:
    first, second = chunk_prompt("w " * 70 + "(" + "x " * 20 + ":1.2)", 77, one_per_word)
    assert first.weights.count(1.2) == 5
    assert second.weights.count(1.2) == 15


@given(st.integers(0, 400), st.integers(10, 77))
def test_no_token_is_lost(words: int, length: int) -> None:
    chunks = chunk_prompt("w " * words, length, one_per_word)
    kept = [token for chunk in chunks for token in chunk.ids if token not in (START_TOKEN, END_TOKEN)]
    assert kept == list(range(words))
    assert all(len(chunk.ids) == length for chunk in chunks)
