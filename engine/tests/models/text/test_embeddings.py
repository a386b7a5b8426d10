"""`embedding:name` in a prompt, and what embedding files may hold."""

import logging

import pytest
import torch

from studio_engine.models.text.embeddings import groups_of, vectors_of
from studio_engine.models.text.weights import Segment

STYLE = torch.arange(8.0).reshape(2, 4)


def words(text: str) -> list[int]:
    return [len(word) for word in text.split()]


def read(text: str) -> list[list[object]]:
    """Groups of word lengths, or `style` for each learned vector."""
    groups = groups_of(Segment(text, 1.3), words, {"style": STYLE}.get)
    assert all(weight == 1.3 for group in groups for _, weight in group)
    return [["style" if isinstance(token, torch.Tensor) else token for token, _ in group] for group in groups]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("embedding:style", [["style", "style"]]),
        ("red embedding:style", [[3], ["style", "style"]]),
        ("red\nembedding:style", [[3], ["style", "style"]]),
        ("embedding:style, red", [["style", "style"], [1, 3]]),
        ("embedding:style red hat", [["style", "style"], [3, 3]]),
        ("embedding:style embedding:style", [["style", "style"], ["style", "style"]]),
        # Only after a space, a line break or at the start.
        ("red,embedding:style", [[19]]),
        ("embedding:", [[10]]),
    ],
)
def test_names_are_found_as_comfyui_finds_them(text: str, expected: list[list[object]]) -> None:
    assert read(text) == expected


def test_an_unknown_name_is_skipped_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert read("embedding:other, red") == [[1, 3]]
    assert "other" in caplog.text


def test_each_encoder_takes_its_own_tensor() -> None:
    tensors = {"clip_l": torch.zeros(2, 4), "clip_g": torch.ones(3, 6)}
    assert torch.equal(vectors_of(tensors, key="clip_g", width=6), torch.ones(3, 6))


def test_a_single_tensor_of_any_name_counts() -> None:
    assert torch.equal(vectors_of({"emb_params": STYLE}, key="clip_l", width=4), STYLE)


def test_a_single_vector_is_a_row() -> None:
    assert vectors_of({"<new>": torch.zeros(4)}, key="clip_l", width=4).shape == (1, 4)


def test_bundles_are_joined() -> None:
    tensors = {
        "bundle_emb.a.string_to_param.*": STYLE,
        "bundle_emb.b.string_to_param.*": STYLE + 1,
        "lora_unet_x.lora_up.weight": torch.zeros(1, 1),
    }
    assert torch.equal(vectors_of(tensors, key="clip_l", width=4), torch.cat([STYLE, STYLE + 1]))


def test_another_models_embedding_is_refused() -> None:
    assert vectors_of({"emb_params": STYLE}, key="clip_l", width=5) is None
