from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.records.query import Field, Names, QueryError, parse, parse_key, resolve
from app.records.query.fields import RUN_FIELDS, STATS, Condition
from app.records.query.values import number_of, reading, seconds_of, time_of

NAMES = Names(
    frozenset({"val_loss", "loss", "train/loss", "a.min", "state", "accuracy"}),
    frozenset(
        {
            "model.compilation.optimizer",
            "model.compilation.optimizer.learning_rate",
            "model.network.0.activation",
            "model.network.1.activation",
            "loss",
            "seed",
            "dataset.seed",
            "elapsed.fit_model",
        }
    ),
    frozenset({"stage", "seed"}),
)


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("state", Field("run", "state")),
        ("metrics.state", Field("metric", "state", "last")),
        ("loss", Field("metric", "loss", "last")),
        ("params.loss", Field("param", "loss")),
        ("loss.min", Field("metric", "loss", "min")),
        ("metrics.loss.max_step", Field("metric", "loss", "max_step")),
        ("a.min", Field("metric", "a.min", "last")),
        ("a.min.min", Field("metric", "a.min", "min")),
        ('"train/loss"', Field("metric", "train/loss", "last")),
        ("train/loss", Field("metric", "train/loss", "last")),
        ('"train/loss".mean', Field("metric", "train/loss", "mean")),
        ("seed", Field("param", "seed")),
        ("tags.seed", Field("tag", "seed")),
        ("dataset.seed", Field("param", "dataset.seed")),
        ("stage", Field("tag", "stage")),
        ("optimizer", Field("param", "model.compilation.optimizer")),
        ("learning_rate", Field("param", "model.compilation.optimizer.learning_rate")),
        ("params.learning_rate", Field("param", "model.compilation.optimizer.learning_rate")),
        ("fit_model", Field("param", "elapsed.fit_model")),
        ("run.age", Field("run", "age")),
    ],
)
def test_a_name_is_found_in_the_order_that_is_documented(text: str, field: Field) -> None:
    assert NAMES.find(parse_key(text)) == field


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("vall_loss < 3", "column 1: no run has a metric, param or tag called 'vall_loss'; did you mean val_loss?"),
        ("metrics.los < 3", "did you mean metrics.loss?"),
        ("run.stat = x", "column 1: a run has no attribute 'stat'; did you mean run.state?"),
        ("run.qqqq = x", "but state, name,"),
        (
            "activation = relu",
            "'activation' could be params.model.network.0.activation, params.model.network.1.activation",
        ),
        ('"train/loss".median < 3', "a metric has no 'median', but last, first,"),
        ("val_loss < adam", "column 12: val_loss is a number, and 'adam' is none"),
        ("val_loss ~ a", "val_loss is no text"),
        ("age ~ a", "age is no text"),
        ("started > 2d", "column 11: started is a time, and '2d' a duration; write age < 2d"),
        ("started > soon", "column 11: started is a time, as in"),
        ("started > 2026-13-40", "column 11: started is a time, as in"),
        ("age < 2x", "age is a duration such as"),
        ("star = 3", "column 8: star is true or false"),
        ("star < true", "star is true or false; write star = true"),
        ('name ~ "a(b"', "column 11: a bracket is not closed"),
        ("state = finished and loss.mn < 3", "column 22: a metric has no 'mn', but last"),
    ],
)
def test_what_does_not_fit_is_said_with_what_would(text: str, message: str) -> None:
    with pytest.raises(QueryError) as caught:
        resolve(parse(text), NAMES)
    assert message in str(caught.value)


def test_has_may_ask_for_what_no_run_has() -> None:
    assert resolve(parse("has(tags.nothing)"), NAMES) == Condition(None)
    with pytest.raises(QueryError):
        resolve(parse("has(nothing)"), NAMES)


@given(
    st.builds(
        Names,
        *[
            st.frozensets(
                st.one_of(
                    st.sampled_from([*RUN_FIELDS, "a", "a.min", "x.a", "params.a", "and", "a/b", "1"]),
                    st.text(min_size=1),
                )
            )
        ]
        * 3,
    )
)
def test_the_spelling_of_a_field_means_that_field(names: Names) -> None:
    for field in names.fields:
        stats = STATS if field.kind == "metric" else ("",)
        for stat in stats:
            wanted = Field(field.kind, field.name, stat)
            assert names.find(parse_key(names.spelling(wanted))) == wanted
            assert names.find(parse_key(names.spelling(wanted, scoped=True))) == wanted


@pytest.mark.parametrize(
    ("text", "number"),
    [("16", 16.0), ("1e-3", 0.001), ("-.5", -0.5), ("5.", 5.0), ("inf", float("inf")), ("-Infinity", float("-inf"))],
)
def test_numbers_are_read(text: str, number: float) -> None:
    assert number_of(text) == number


@pytest.mark.parametrize("text", ["", "1_000", " 1", "٣", "0x10", "1e", "e5", "1.2.3", "--1"])
def test_what_is_no_number_is_text(text: str) -> None:
    assert number_of(text) is None
    assert reading(text) == text


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30.0),
        ("15m", 900.0),
        ("3h", 10800.0),
        ("2d", 172800.0),
        ("1w", 604800.0),
        ("1h30m", 5400.0),
        ("1.5h", 5400.0),
    ],
)
def test_durations_are_read(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "2", "d", "2D", "2y", "2 d", "1d2"])
def test_what_is_no_duration_is_none(text: str) -> None:
    assert seconds_of(text) is None


def test_a_date_is_the_whole_local_day_and_a_time_is_as_long_as_it_is_exact() -> None:
    midnight = time.mktime((2026, 11, 18, 0, 0, 0, 0, 0, -1))
    assert time_of("2026-11-18") == (midnight, time.mktime((2026, 11, 19, 0, 0, 0, 0, 0, -1)))
    assert time_of("2026-11-18T15:02") == (midnight + 54120, midnight + 54180)
    assert time_of("2026-11-18 15:02:10") == (midnight + 54130, midnight + 54131)
    assert time_of("1970-01-02T01:00:00.5+01:00") == (86400.5, 86400.500001)
    assert time_of("1970-01-02T00:00Z") == (86400.0, 86460.0)


@pytest.mark.parametrize(
    "text", ["20261118", "2026-11", "2026-02-30", "2026-W47-3", "2026-11-18T25:00", "0000-01-01", "18.11.2026"]
)
def test_what_is_no_time_is_none(text: str) -> None:
    assert time_of(text) is None
