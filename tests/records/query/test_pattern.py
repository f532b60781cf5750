from __future__ import annotations

import re
import warnings

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from app.records.query.pattern import Pattern, PatternError, PatternTooSlowError


@given(
    st.text(st.sampled_from("ab(|)*+?.[]^$\\wWdsb{}12,- Bn:"), max_size=9),
    st.lists(st.text(st.sampled_from("abw1, B-ü"), max_size=7), min_size=1, max_size=5),
)
@example("(?i)[^a]B", ["ab", "cb", "A"])
@example("(a|ab)(c|bcd)(d*)$", ["abcd"])
@example("(?:a?){3}a{3}$", ["aaa", "aa"])
@example("(?P<x>a|b)\\b", ["ab c", "b"])
@example("[]a]+[^]]", ["]", "a]b"])
@example("[\\d-]x", ["-x", "1x"])
@example("a{,2}b{2,}", ["abb", "b"])
@example("(a*)*(b|)*$", ["aab"])
def test_what_is_found_is_what_python_finds(pattern: str, texts: list[str]) -> None:
    try:
        ours = Pattern.of_regex(pattern)
    except PatternError:
        assume(False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        theirs = re.compile(pattern)
    for text in texts:
        if "\\B" in pattern and not text:  # Python 3.14 changed what \B means there
            continue
        assert ours.searched(text) is (theirs.search(text) is not None), (pattern, text)


@pytest.mark.parametrize(
    "pattern", ["(a|a)*b", "(a*)*b", "(a|aa)+$", "a*a*a*a*a*a*a*b", "(.*)(.*)(.*)(.*)x", "(x+x+)+y"]
)
def test_patterns_that_hang_others_do_not_hang_here(pattern: str) -> None:
    assert not Pattern.of_regex(pattern).searched("a" * 30_000 + "!")


def test_the_cost_of_a_pattern_is_bounded() -> None:
    pattern = Pattern.of_regex(
        "(" + "|".join(f"[^{char}]{{20}}{char}" for char in "abcdefghijklmnopqrstuvwxyzäöü") + ")"
    )
    texts = ("".join(chr(0x4E00 + (place * number) % 20_000) for place in range(30_000)) for number in range(1, 100, 2))
    with pytest.raises(PatternTooSlowError):
        any(map(pattern.searched, texts))


@pytest.mark.parametrize(
    ("pattern", "position", "message"),
    [
        ("a(b", 2, "not closed"),
        ("a)b", 1, "no group is open"),
        ("[ab", 0, "a set is not closed"),
        ("*a", 0, "nothing before *"),
        ("{2}", 0, "nothing before {"),
        ("a**", 2, "cannot be repeated"),
        ("a*+", 2, "possessive"),
        ("(a)\\1", 4, "references"),
        ("(?=a)", 2, "only (?: and (?P<name>"),
        ("(?<!a)", 2, "only (?: and (?P<name>"),
        ("a{3,2}", 1, "more than the most"),
        ("a{2000}", 1, "at most 1,000"),
        ("(a{100}){100}", 0, "too large"),
        ("a\\", 1, "a backslash needs"),
        ("\\q", 1, "\\q is not understood"),
        ("\\x1", 2, "hexadecimal"),
        ("[z-a]", 3, "backwards"),
        ("^*", 1, "a place in the text"),
        ("a" * 2_000, 1000, "at most 1,000 characters"),
        ("(" * 200, 50, "deep"),
    ],
)
def test_a_pattern_that_is_none_says_where(pattern: str, position: int, message: str) -> None:
    with pytest.raises(PatternError) as caught:
        Pattern.of_regex(pattern)
    assert message in str(caught.value)
    assert caught.value.position == min(position, len(pattern) - 1)


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("res%", "ResNet", True),
        ("res%", "a resnet", False),
        ("%net%", "ResNet50", True),
        ("_dam", "Adam", True),
        ("_dam", "dam", False),
        ("a.c", "abc", False),
        ("100%", "100 percent\nand more", True),
        ("", "", True),
        ("", "a", False),
    ],
)
def test_like_matches_the_whole_text_in_any_case(pattern: str, text: str, matches: bool) -> None:
    assert Pattern.of_like(pattern).searched(text) is matches
