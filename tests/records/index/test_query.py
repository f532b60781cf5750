"""What the index answers is what each run alone would have answered."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.records.index import Index
from app.records.layout import Workspace
from app.records.query import Field, QueryError, parse
from app.records.query.syntax import And, Comparison, Has, Key, Not, Or, Query, Value
from app.records.sources.base import RunRecord
from app.records.summary import summary_of
from tests.records.index.runs import NAMES, NOW, meets, names, names_of, record, records, value_of

Comparisons: TypeAlias = "st.SearchStrategy[Query]"

_numbers = st.builds(Value, st.sampled_from(["1", "2.5", "nan", "inf", "90s", "-1e0"]))
_durations = st.builds(Value, st.sampled_from(["90s", "100", "1d", "2d", "0"]))
_moments = st.builds(Value, st.sampled_from(["1799999900", "2027-01-14", "1970-01-01", "2027-01-15T08:00Z", "0"]))
_flags = st.builds(Value, st.sampled_from(["true", "False"]))
_texts = st.builds(Value, st.sampled_from(["adam", "Adam", "finished", "1", "1.0", "true", "a", "2d"]), st.booleans())
_orders, _equals, _lists = ["<", "<=", ">", ">="], ["=", "!="], ["in", "not in"]


def _comparisons_of(keys: st.SearchStrategy[Key], values: st.SearchStrategy[Value], *kinds: list[str]) -> Comparisons:
    one = [operator for kind in kinds for operator in kind]
    return st.one_of(
        st.builds(Comparison, keys, st.sampled_from(one), st.tuples(values)),
        st.builds(Comparison, keys, st.sampled_from(_lists), st.lists(values, min_size=1, max_size=3).map(tuple)),
    )


def _attributes(*names: str) -> st.SearchStrategy[Key]:
    return st.builds(Key, st.sampled_from(names), st.just("run"))


_stats = st.sampled_from(["", "min", "best", "count", "max_step", "mean"])
_metrics = st.one_of(
    st.builds(Key, names, st.just("metrics"), st.just(True), _stats),
    st.builds(Key, st.sampled_from(["a", "train/loss"]), st.just(""), st.just(True), _stats),
)
_others = st.builds(Key, names, st.sampled_from(("params", "tags")), st.just(True))
_words = st.one_of(_others, _attributes("state", "name", "id", "parent", "source", "experiment"))
_patterns = st.builds(Value, st.sampled_from(["^a", "d.m", "[0-9]", "$", "e+"]), st.just(True))
_likes = st.builds(Value, st.sampled_from(["A%", "%d%", "_", "%", "1%"]), st.just(True))
_comparisons = st.one_of(
    _comparisons_of(_metrics, _numbers, _orders, _equals),
    _comparisons_of(_others, st.one_of(_numbers, _texts), _orders, _equals),
    _comparisons_of(_words, _texts, _orders, _equals),
    _comparisons_of(_attributes("started", "ended"), _moments, _orders, _equals),
    _comparisons_of(_attributes("age", "duration"), _durations, _orders, _equals),
    _comparisons_of(_attributes("deleted", "star"), _flags, _equals),
    st.builds(Comparison, _words, st.just("~"), st.tuples(_patterns)),
    st.builds(Comparison, _words, st.just("like"), st.tuples(_likes)),
)
_keys = st.one_of(_metrics, _others, _words, _attributes("started", "age", "duration", "deleted"))
_queries: st.SearchStrategy[Query] = st.recursive(
    st.one_of(_comparisons, st.builds(Has, _keys)),
    lambda inner: st.one_of(
        st.builds(And, st.lists(inner, min_size=2, max_size=3).map(tuple)),
        st.builds(Or, st.lists(inner, min_size=2, max_size=3).map(tuple)),
        st.builds(Not, inner),
    ),
    max_leaves=5,
)
_runs = st.lists(records, max_size=8, unique_by=lambda run: run.key)
#: Has a value under every name, so that every query can be asked.
_WITH_ALL = record(
    "with all",
    params=dict.fromkeys(NAMES, 1),
    tags=dict.fromkeys(NAMES, "2"),
    metrics=dict.fromkeys(NAMES, summary_of([3.0, 1.0])),
)


@pytest.fixture(scope="module")
def empty() -> Iterator[Index]:
    with Index(Workspace.at(Path("/nowhere")), memory=True) as index:
        yield index


def fill(index: Index, runs: list[RunRecord]) -> dict[int, RunRecord]:
    """Put runs into an index that is emptied before; return them by their id."""
    index.rebuild()
    index.update("here", runs)
    return dict(zip(index.query().tolist(), runs, strict=True))


@given(runs=_runs, query=_queries)
def test_a_query_chooses_the_runs_that_meet_it(empty: Index, runs: list[RunRecord], query: Query) -> None:
    by_id = fill(empty, [*runs, _WITH_ALL])
    found = empty.query(str(query), now=NOW).tolist()
    known = names_of([_WITH_ALL])
    assert found == [id_ for id_, run in by_id.items() if meets(parse(str(query)), run, known)]


@given(runs=_runs, name=names, kind=st.sampled_from(["metric", "param", "tag", "run"]), descending=st.booleans())
def test_runs_are_sorted_numbers_first_and_what_is_missing_last(
    empty: Index, runs: list[RunRecord], name: str, kind: str, descending: bool
) -> None:
    by_id = fill(empty, runs)
    field = Field("run", "name") if kind == "run" else Field(kind, name, "last" if kind == "metric" else "")  # type: ignore[arg-type]
    ordered = empty.query(None, (field, descending), now=NOW).tolist()

    def sort(id_: int) -> tuple[int, float, str]:
        value = value_of(field, by_id[id_])
        if value is None:
            return 3, 0.0, ""
        text = str(value).lower() if isinstance(value, bool) else value
        try:
            number = float(text) if str(text) == str(text).strip() and "_" not in str(text) else None
        except ValueError:
            number = None
        if number is None or (isinstance(text, str) and math.isnan(number)) or not str(text).isascii():
            return 1, 0.0, str(text)
        return (2, 0.0, "") if math.isnan(number) else (0, number, "")

    kinds = [sort(id_)[0] for id_ in ordered]
    assert kinds == sorted(kinds, key=lambda each: (each >= 2, each if each >= 2 or not descending else -each))
    numbers = [sort(id_)[1] for id_ in ordered if sort(id_)[0] == 0]
    assert numbers == sorted(numbers, reverse=descending)
    words = [sort(id_)[2].casefold() for id_ in ordered if sort(id_)[0] == 1]
    assert words == sorted(words, reverse=descending)
    assert sorted(ordered) == list(by_id)


@given(runs=_runs, by=names, of=names)
def test_groups_hold_every_run_once_and_count_the_finished(
    empty: Index, runs: list[RunRecord], by: str, of: str
) -> None:
    by_id = fill(empty, runs)
    key, figure = Field("param", by), Field("metric", of, "last")
    groups = empty.group(empty.query(), key, figure)
    assert sorted(id_ for group in groups for id_ in group.ids.tolist()) == list(by_id)
    for group in groups:
        members = [by_id[id_] for id_ in group.ids.tolist()]
        if isinstance(group.value, float) and math.isnan(group.value):
            assert all(str(value_of(key, run)) == "nan" for run in members)
        elif isinstance(group.value, int | float) and not isinstance(group.value, bool):
            assert all(float(value_of(key, run)) == group.value for run in members)  # type: ignore[arg-type]
        numbers = [
            float(value_of(figure, run))  # type: ignore[arg-type]
            for run in members
            if run.state in ("finished", "") and value_of(figure, run) is not None
        ]
        numbers = [number for number in numbers if not math.isnan(number)]
        assert group.count == len(numbers)
        if numbers:
            assert (group.min, group.max) == (min(numbers), max(numbers))
            if all(map(math.isfinite, numbers)):
                assert group.mean == pytest.approx(sum(numbers) / len(numbers))


def test_a_group_has_the_mean_and_the_deviation_of_a_sample(empty: Index) -> None:
    losses = [1.0, 2.0, 4.0]
    runs = [record(str(at), params={"seed": 1}, metrics={"loss": summary_of([loss])}) for at, loss in enumerate(losses)]
    fill(empty, [*runs, record("other", params={"seed": 2}), record("none")])
    first, second, none = empty.group(empty.query(), "seed", "loss")
    assert (first.value, first.count, first.min, first.max) == (1, 3, 1.0, 4.0)
    assert first.mean == pytest.approx(7 / 3)
    assert first.deviation == pytest.approx(1.5275252316519468)
    assert (second.value, second.count, none.value, none.count) == (2, 0, None, 0)


def test_the_example_of_the_design_finds_what_it_says(empty: Index) -> None:
    def run(key: str, loss: float, optimizer: str, stage: str | None, age: float) -> RunRecord:
        return record(
            key,
            started=NOW - age,
            params={"model.compilation.optimizer": optimizer},
            tags={} if stage is None else {"stage": stage},
            metrics={"val_loss": summary_of([20.0, loss])},
        )

    day = 86400.0
    fill(
        empty,
        [
            run("good", 15.0, "adam", "final", day),
            run("too high", 16.0, "adam", "final", day),
            run("another optimizer", 15.0, "sgd", "final", day),
            run("debugged", 15.0, "adam", "debug", day),
            run("without the tag", 15.0, "adam", None, day),
            run("old", 15.0, "adam", "final", 2 * day),
        ],
    )
    ids = empty.query('val_loss < 16 and optimizer = adam and tags.stage != "debug" and age < 2d', now=NOW)
    assert list(empty.table(ids, ["name"])["name"]) == ["good"]


def test_other_programs_texts_are_compared_as_what_they_are(empty: Index) -> None:
    ours, theirs = {"lr": 0.001, "shuffle": True, "n": 32}, {"lr": "0.0010", "shuffle": "True", "n": "32"}
    fill(empty, [record("ours", params=ours), record("theirs", params=theirs)])
    for query in ("lr = 1e-3", 'lr = "0.001"', "lr < 0.01", "shuffle = true", "n in (16, 32)", "n >= 32"):
        assert len(empty.query(query)) == 2, query
    assert len(empty.query("lr ~ 10$")) == 1


def test_a_page_of_a_result_is_a_part_of_it(empty: Index) -> None:
    fill(empty, [record(str(number)) for number in range(10)])
    whole = empty.query(None, ("name", True)).tolist()
    assert empty.query(None, ("name", True), limit=3, offset=2).tolist() == whole[2:5]
    assert empty.query(None, ("name", True), offset=8).tolist() == whole[8:]


def test_a_pattern_that_costs_too_much_is_an_error_at_its_place(empty: Index) -> None:
    fill(
        empty,
        [
            record(str(n), tags={"t": "".join(chr(0x4E00 + (k * n) % 20_000) for k in range(30_000))})
            for n in (7, 11, 13)
        ],
    )
    pattern = "|".join(f"[^{char}]{{60}}{char}" for char in "abcdefghijklmn")
    with pytest.raises(QueryError, match="column 13: this pattern takes too long"):
        empty.query(f'   tags.t ~ "{pattern}"')
