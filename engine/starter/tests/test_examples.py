"""Captions say what the pictures show."""

import re

import numpy as np

from starter.colours import DominantHue, find_dominant_hue, find_hue_word, recolour
from starter.concepts import TABLE
from starter.sample_sheet import NOUNS


def _square(colour: tuple[int, int, int]) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    picture = np.zeros((16, 16, 4), np.uint8)
    picture[4:12, 4:12] = (*colour, 255)
    return picture


def test_every_noun_of_the_report_is_taught_by_that_very_word() -> None:
    taught = {line.split("\t")[1].split(", ")[0] for line in TABLE.read_text().splitlines() if not line.startswith("#")}
    assert set(NOUNS) <= taught


def test_table_has_weight_words_and_labels() -> None:
    lines = [line for line in TABLE.read_text().splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[\d.]+\t[^\t]+\t[^\t]+(\tr)?", line) for line in lines)


def test_one_hue_gets_its_word() -> None:
    hue = find_dominant_hue(_square((220, 40, 50)))
    assert hue is not None
    assert find_hue_word(hue) == "red"


def test_gray_has_no_hue() -> None:
    assert find_dominant_hue(_square((120, 121, 122))) is None


def test_in_between_hue_has_no_word() -> None:
    assert find_hue_word(DominantHue(degrees=85.0, share=1.0)) is None


def test_recolour_turns_the_object_and_keeps_the_rest() -> None:
    picture = _square((220, 40, 50))
    picture[6:8, 6:8] = (40, 200, 60, 255)
    turned = recolour(picture, DominantHue(degrees=356.0, share=1.0), "blue")
    assert turned[4, 4, 2] > turned[4, 4, 0]
    assert turned[6, 6, 1] > turned[6, 6, 2]
    assert np.array_equal(turned[..., 3], picture[..., 3])
