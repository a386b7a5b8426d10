"""Nodes that give values, work on texts and show them."""

import json

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from studio_engine.errors import EngineError
from studio_engine.nodes import NODES


def run(class_type, **inputs):
    return NODES[class_type](**inputs).run(None)


def test_primitives_give_what_they_hold():
    assert run("PrimitiveString", value="a") == ("a",)
    assert run("PrimitiveStringMultiline", value="a\nb") == ("a\nb",)
    assert run("PrimitiveInt", value=-3) == (-3,)
    assert run("PrimitiveFloat", value=0.5) == (0.5,)
    assert run("PrimitiveBoolean", value=False) == (False,)


@given(st.text(), st.text(), st.text(max_size=3))
def test_the_parts_of_a_joined_text_are_found_in_it(a, b, delimiter):
    (whole,) = run("StringConcatenate", string_a=a, string_b=b, delimiter=delimiter)
    assert run("StringLength", string=whole) == (len(a) + len(b) + len(delimiter),)
    assert run("StringSubstring", string=whole, start=0, end=len(a)) == (a,)
    assert run("StringCompare", string_a=whole, string_b=b, mode="Ends With", case_sensitive=True) == (True,)
    assert run("StringContains", string=whole, substring=delimiter, case_sensitive=True) == (True,)


def test_places_below_zero_count_from_the_end():
    assert run("StringSubstring", string="abcdef", start=-3, end=-1) == ("de",)


@pytest.mark.parametrize(
    ("mode", "changed"),
    [
        ("UPPERCASE", "ONE TWO"),
        ("lowercase", "one two"),
        ("Capitalize", "One two"),
        ("Title Case", "One Two"),
    ],
)
def test_letters_change(mode, changed):
    assert run("CaseConverter", string="oNe tWO", mode=mode) == (changed,)


@pytest.mark.parametrize(("mode", "trimmed"), [("Both", "a"), ("Left", "a \n"), ("Right", "\t a")])
def test_blanks_are_trimmed(mode, trimmed):
    assert run("StringTrim", string="\t a \n", mode=mode) == (trimmed,)


def test_texts_are_replaced_wherever_they_stand():
    assert run("StringReplace", string="a cat, a cat", find="cat", replace="dog") == ("a dog, a dog",)
    assert run("StringReplace", string="ab", find="", replace="-") == ("-a-b-",)


@pytest.mark.parametrize(("mode", "b"), [("Starts With", "AB"), ("Ends With", "CD"), ("Equal", "ABCD")])
def test_comparing_can_pass_over_capitals(mode, b):
    assert run("StringCompare", string_a="abcd", string_b=b, mode=mode, case_sensitive=False) == (True,)
    assert run("StringCompare", string_a="abcd", string_b=b, mode=mode, case_sensitive=True) == (False,)
    assert run("StringContains", string="abcd", substring=b, case_sensitive=False) == (True,)
    assert run("StringContains", string="abcd", substring=b, case_sensitive=True) == (False,)


@pytest.mark.parametrize(
    ("class_type", "inputs"),
    [
        ("StringConcatenate", {"string_a": "a" * 6_000_000, "string_b": "b" * 6_000_000, "delimiter": ""}),
        ("StringReplace", {"string": "a" * 1_000_000, "find": "a", "replace": "b" * 1_000_000}),
        ("StringReplace", {"string": "a" * 1_000_000, "find": "", "replace": "b" * 1_000_000}),
    ],
)
def test_a_text_that_would_fill_the_memory_is_refused(class_type, inputs):
    with pytest.raises(EngineError, match="shorten it"):
        run(class_type, **inputs)


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("text", "text"),
        (3, "3"),
        (True, "true"),
        (None, "null"),
        ({"ä": [1, 2]}, json.dumps({"ä": [1, 2]}, indent=4, ensure_ascii=False)),
    ],
)
def test_any_value_is_shown_as_text(source, shown):
    assert run("PreviewAny", source=source).ui == {"text": [shown]}


def test_a_tensor_is_shown_with_its_shape_and_not_in_full():
    (shown,) = run("PreviewAny", source=torch.zeros(1, 600, 600, 3)).ui["text"]
    assert shown.startswith("(1, 600, 600, 3) torch.float32")
    assert len(shown) < 10_000


def test_a_value_without_a_text_form_is_shown_as_python_sees_it():
    (shown,) = run("PreviewAny", source={"size": torch.Size([2]), "names": {1}}).ui["text"]
    assert "Size" in shown
