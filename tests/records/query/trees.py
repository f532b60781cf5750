"""Queries of every form, for hypothesis."""

from __future__ import annotations

from hypothesis import strategies as st

from app.records.query.syntax import (
    OPERATORS,
    SCOPES,
    And,
    Comparison,
    Has,
    Key,
    Not,
    Or,
    Query,
    Value,
    is_word,
)

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
word = st.text(st.sampled_from("abcxyz019_-./:+*^$|\\äß{}?@&#%;"), min_size=1, max_size=10).filter(is_word)


def _is_bare(name: str) -> bool:
    return name.partition(".")[0] not in SCOPES


keys = st.one_of(
    st.builds(Key, word.filter(_is_bare)),
    st.builds(Key, word, st.sampled_from(SCOPES)),
    st.builds(Key, text.filter(bool), st.sampled_from(("", *SCOPES)), st.just(True), st.sampled_from(("", "min"))),
)
values = st.one_of(st.builds(Value, word), st.builds(Value, text, st.just(True)))
_single = [each for each in OPERATORS if each not in ("in", "not in")]
comparisons = st.one_of(
    st.builds(Comparison, keys, st.sampled_from(_single), st.tuples(values)),
    st.builds(Comparison, keys, st.sampled_from(("in", "not in")), st.lists(values, min_size=1, max_size=3).map(tuple)),
)


def _joined(inner: st.SearchStrategy[Query]) -> st.SearchStrategy[Query]:
    items = st.lists(inner, min_size=2, max_size=3).map(tuple)
    return st.one_of(st.builds(And, items), st.builds(Or, items), st.builds(Not, inner))


trees: st.SearchStrategy[Query] = st.recursive(st.one_of(comparisons, st.builds(Has, keys)), _joined, max_leaves=8)
