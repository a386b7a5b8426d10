"""Patterns that people write, and that may not harm the engine."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio_engine.errors import EngineError
from studio_engine.nodes import NODES
from studio_engine.patterns import child, run

FLAGS = {"case_insensitive": False, "multiline": False, "dotall": False}


def node(class_type, pattern, string, **inputs):
    each = NODES[class_type](string=string, regex_pattern=pattern, **FLAGS | inputs)
    return each.run(None)[0]


def extract(mode, pattern="(a)(b)?", string="ab-a", group_index=1):
    return child.extract(re.compile(pattern), string, mode=mode, group=group_index)


@pytest.mark.parametrize(
    ("mode", "group", "found"),
    [
        ("First Match", 1, "ab"),
        ("All Matches", 1, "a\na"),
        ("First Group", 2, "b"),
        ("First Group", 0, "ab"),
        ("First Group", 3, ""),
        ("All Groups", 2, "b\n"),
        ("All Groups", 0, "ab\na"),
        ("All Groups", 3, ""),
    ],
)
def test_finds_are_taken_out(mode, group, found):
    assert extract(mode, group_index=group) == found


def test_without_groups_all_that_fits_is_taken():
    assert extract("All Matches", "a.?") == "ab\na"
    assert extract("All Groups", "a.?", group_index=0) == ""


@pytest.mark.parametrize("mode", ["First Match", "All Matches", "First Group", "All Groups"])
def test_where_nothing_fits_nothing_is_taken(mode):
    assert extract(mode, "(z)") == ""


@given(st.text(alphabet="ab1 "), st.sampled_from(["a", "b*", "[ab]+", "(a)(b)", "^", "1| "]), st.integers(0, 3))
def test_replacing_is_pythons(text, pattern, count):
    assert child.replace(re.compile(pattern), text, "-", count=count) == re.sub(pattern, "-", text, count=count)


def test_a_replacement_may_name_groups():
    assert child.replace(re.compile("(a)(b)"), "abab", r"\2\1", count=1) == "baab"


def test_the_three_nodes_work():
    assert node("RegexMatch", "B.D", "abcd", case_insensitive=True) is True
    assert node("RegexMatch", "B.D", "abcd") is False
    assert node("RegexExtract", "^.", "a\nb", mode="All Matches", group_index=1, multiline=True) == "a\nb"
    assert node("RegexReplace", "a.b", "a\nb", replace="x", count=0, dotall=True) == "x"
    assert node("RegexReplace", "ä", "ä", replace="ö", count=0) == "ö"


def test_what_is_no_pattern_fits_nowhere_and_replaces_nothing():
    assert node("RegexMatch", "(", "(") is False
    assert node("RegexExtract", "(", "(", mode="First Match", group_index=1) == ""
    with pytest.raises(EngineError, match="pattern or its replacement is wrong"):
        node("RegexReplace", "(", "(", replace="", count=0)
    with pytest.raises(EngineError, match="pattern or its replacement is wrong"):
        node("RegexReplace", "a", "a", replace=r"\7", count=0)


def test_a_pattern_that_never_ends_is_ended(monkeypatch):
    monkeypatch.setattr(run, "_SECONDS", 1)
    started = time.monotonic()
    with pytest.raises(EngineError, match="without repeats inside of repeats"):
        node("RegexMatch", "(a|aa)+$", "a" * 60 + "b")
    assert time.monotonic() - started < 10


def test_a_result_that_would_fill_the_memory_is_refused():
    with pytest.raises(EngineError, match="more than 10,000,000 characters"):
        node("RegexReplace", "a", "a" * 100_000, replace="b" * 100_000, count=0)


def test_a_pattern_that_fills_the_memory_ends_alone(monkeypatch):
    monkeypatch.setattr(run, "_BYTES", 200 * 1024 * 1024)
    with pytest.raises(EngineError, match=r"The pattern (failed|took longer)"):
        node("RegexMatch", "(?:" * 4 + "(a?)(b?)" + "{9999})" * 4, "ab" * 4_000_000)


@pytest.mark.parametrize(("pattern", "string"), [("a" * 10_001, ""), ("a", "a" * 10_000_001)])
def test_what_is_too_long_is_refused_at_once(pattern, string):
    with pytest.raises(EngineError, match="longer than"):
        node("RegexMatch", pattern, string)
