"""Text becomes the ids that the encoders were trained with."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio_engine.models.text.t5_tokenizer import T5_END_TOKEN, t5_token_ids
from studio_engine.models.text.tokenizer import START_TOKEN, token_ids


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
def test_any_text_has_tokens_of_clips_vocabulary(text: str) -> None:
    assert all(0 <= token < START_TOKEN for token in token_ids(text))


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        # The examples of T5's own documentation.
        ("translate English to German: The house is wonderful.", [13959, 1566, 12, 2968, 10, 37, 629, 19, 1627, 5]),
        ("The <extra_id_0> walks in <extra_id_1> park", [37, 32099, 10681, 16, 32098, 2447]),
        ("  hello\n  world ", [21820, 296]),
        ("a cat", [3, 9, 1712]),
        ("", []),
    ],
)
def test_token_ids_are_t5s(text: str, ids: list[int]) -> None:
    assert t5_token_ids(text) == ids


@given(st.text(max_size=200))
def test_any_text_has_tokens_of_t5s_vocabulary(text: str) -> None:
    assert all(T5_END_TOKEN <= token < 32100 for token in t5_token_ids(text))
