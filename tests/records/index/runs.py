"""Runs of every form for the tests of the index, and a query answered for one run at a time."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from app.records.query import Field, Names
from app.records.query.syntax import And, Comparison, Has, Key, Not, Operator, Or, Query, QueryError, Value
from app.records.query.values import reading, seconds_of, time_of
from app.records.sources.base import Param, RunRecord
from app.records.summary import MetricSummary, summary_of

NOW = 1_800_000_000.0

floats = st.one_of(st.sampled_from([0.0, 1.0, 2.5, math.nan, math.inf, -math.inf]), st.floats(width=16))
NAMES = ["a", "b", "x.a", "loss", "train/loss", "state", "päth b"]
names = st.sampled_from(NAMES)
texts = st.one_of(
    st.sampled_from(["adam", "Adam", "sgd", "1", "1.0", "1e0", "nan", "true", "True", "2d", "2026-11-18", "", "a/b"]),
    st.text(max_size=5),
)
sentences = st.text(st.characters(exclude_characters="\n"), min_size=1, max_size=5)
params: st.SearchStrategy[Param] = st.one_of(floats, texts, st.booleans(), st.none(), st.integers(-3, 3), st.integers())
summaries = st.lists(floats, min_size=1, max_size=40).map(summary_of)
times = st.one_of(st.none(), st.sampled_from([NOW - 100, NOW - 86400.0, 0.0]), st.floats(0, NOW))


def record(key: str = "a", **more: Any) -> RunRecord:
    """Return a run; what is not given is plain."""
    given: dict[str, Any] = {"id": f"id of {key}", "name": key, "experiment": "", "path": Path("/runs") / key}
    return RunRecord(**{"source": "execution", "key": key} | given | more)


records = st.builds(
    record,
    key=texts,
    id=texts,
    name=texts,
    experiment=texts,
    source=st.sampled_from(["execution", "mlflow"]),
    state=st.sampled_from(["", "queued", "running", "finished", "failed"]),
    started=times,
    ended=times,
    params=st.dictionaries(names, params, max_size=4),
    tags=st.dictionaries(names, texts, max_size=2),
    metrics=st.dictionaries(names, summaries, max_size=3),
    deleted=st.booleans(),
    parent=st.one_of(st.none(), texts),
    problems=st.lists(sentences, max_size=2).map(tuple),
)


def names_of(runs: list[RunRecord]) -> Names:
    return Names(
        frozenset(name for run in runs for name in run.metrics),
        frozenset(name for run in runs for name in run.params),
        frozenset(name for run in runs for name in run.tags),
    )


def meets(query: Query, run: RunRecord, known: Names) -> bool:
    """Whether a run meets a query, told from the run alone and as the documentation says it."""
    match query:
        case And(items):
            return all(meets(item, run, known) for item in items)
        case Or(items):
            return any(meets(item, run, known) for item in items)
        case Not(item):
            return not meets(item, run, known)
        case Has(key):
            return _has(key, run, known)
        case Comparison(key, operator, values):
            return _compare(known.find(key), operator, values, run)


def _has(key: Key, run: RunRecord, known: Names) -> bool:
    try:
        field = known.find(key)
    except QueryError:
        return False
    value = value_of(field, run)
    return value is True if field.type == "flag" else value is not None


def value_of(field: Field, run: RunRecord) -> Param:
    match field.kind, field.name:
        case "metric", name:
            summary = run.metrics.get(name)
            return None if summary is None else getattr(summary, field.actual_stat)
        case "param", name:
            return run.params.get(name)
        case "tag", name:
            return run.tags.get(name)
        case "run", "age":
            return None if run.started is None else NOW - run.started
        case "run", "duration":
            until = NOW if run.ended is None and run.state in ("starting", "running", "paused") else run.ended
            return None if run.started is None or until is None else until - run.started
        case "run", "problems":
            return "\n".join(run.problems) or None
        case "run", "path":
            return str(run.path)
        case "run", ("star" | "archived"):
            return False
        case "run", ("group" | "notes" | "size"):
            return None
        case "run", "origin":
            return "here"
        case "run", ("experiment" | "state" | "parent") as name:
            return getattr(run, name) or None
        case "run", name:
            value: Param = getattr(run, name)
            return value
    raise AssertionError(field)


_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def _compare(field: Field, operator: Operator, values: tuple[Value, ...], run: RunRecord) -> bool:
    value = value_of(field, run)
    if value is None:
        return False
    if operator == "!=":
        return not _equal(field, value, values[0])
    if operator in ("=", "in"):
        return any(_equal(field, value, each) for each in values)
    if operator == "not in":
        return not any(_equal(field, value, each) for each in values)
    if operator in ("~", "like"):
        text = str(value).lower() if isinstance(value, bool) else str(value)
        if operator == "~":
            return re.search(values[0].text, text) is not None
        pattern = "".join({"%": ".*", "_": "."}.get(char, re.escape(char)) for char in values[0].text)
        return re.fullmatch(pattern, text, re.IGNORECASE | re.DOTALL) is not None
    return _ordered(field, operator, value, values[0])


def _read(field: Field, value: Param) -> float | str | None:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return float(value)
    return value if value is None or field.type == "text" else reading(value)


def _equal(field: Field, value: Param, wanted: Value) -> bool:
    ours = _read(field, value)
    if field.type == "text":
        return ours == wanted.text
    if field.type == "time":
        begin, end = time_of(wanted.text) or (float(wanted.text), math.nextafter(float(wanted.text), math.inf))
        return isinstance(ours, float) and begin <= ours < end
    if field.type == "flag":
        return ours == wanted.text.lower()
    theirs = reading(wanted.text)
    if isinstance(theirs, float) and math.isnan(theirs):
        return isinstance(ours, float) and math.isnan(ours)
    seconds = None if wanted.quoted and field.type == "any" else seconds_of(wanted.text)
    return ours == theirs or (seconds is not None and ours == seconds)


def _ordered(field: Field, operator: str, value: Param, wanted: Value) -> bool:
    compare = _ORDERS[operator]
    ours = _read(field, value)
    if field.type == "text":
        return compare(ours, wanted.text)
    if field.type == "time":
        begin, end = time_of(wanted.text) or (float(wanted.text), math.nextafter(float(wanted.text), math.inf))
        if operator == "<=":
            return isinstance(ours, float) and ours < end
        if operator == ">":
            return isinstance(ours, float) and ours >= end
        return isinstance(ours, float) and compare(ours, begin)
    theirs: float | str = reading(wanted.text) if wanted.text.lower() not in ("true", "false") else wanted.text
    if isinstance(theirs, str) and not (wanted.quoted and field.type == "any"):
        seconds = seconds_of(wanted.text)
        theirs = theirs if seconds is None else seconds
    return type(ours) is type(theirs) and compare(ours, theirs)


def same(one: MetricSummary, other: MetricSummary) -> bool:
    """Whether two summaries are equal, NaN and all, but for their trends, which are near each other."""
    exact = ("first", "last", "min", "max", "mean", "count", "min_step", "max_step")
    for name in exact:
        a, b = getattr(one, name), getattr(other, name)
        if a != b and not (a != a and b != b):
            return False
    finite = [value for value in one.trend if math.isfinite(value)]
    height = max(finite, default=0.0) - min(finite, default=0.0)
    return len(one.trend) == len(other.trend) and all(
        a == b or (a != a and b != b) or abs(a - b) <= height / 500 + 1e-12
        for a, b in zip(one.trend, other.trend, strict=True)
    )
