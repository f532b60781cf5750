from __future__ import annotations

import math
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.records.annotations import Annotations
from app.records.index import Index
from app.records.layout import Workspace
from app.records.query import Field, QueryError
from app.records.sources.base import RunRecord
from app.records.summary import summary_of
from tests.records.index.runs import record, records, same


@pytest.fixture
def index(workspace: Workspace) -> Iterator[Index]:
    with Index(workspace) as opened:
        yield opened


@pytest.fixture(scope="module")
def shared() -> Iterator[Index]:
    with Index(Workspace.at(Path("/nowhere")), memory=True) as opened:
        yield opened


def equal(one: object, other: object) -> bool:
    return one == other or (one != one and other != other)


def as_read_back(value: object) -> object:
    """Return a param as the index gives it back: whole numbers past what a float holds exactly are text."""
    return str(value) if isinstance(value, int) and abs(value) > 1 << 53 else value


@given(st.lists(st.lists(records, max_size=5), max_size=4))
def test_every_run_reads_back_as_it_was_put_in_last(shared: Index, rounds: list[list[RunRecord]]) -> None:
    shared.rebuild()
    last: dict[str, RunRecord] = {}
    for number, runs in enumerate(rounds):
        unique = {run.key: run for run in runs}
        gone = [key for key in last if key not in unique][: number % 2]
        shared.update("s", list(unique.values()), dict.fromkeys(unique, b"x"), gone)
        last = {key: run for key, run in last.items() if key not in gone} | unique
    found = {(read := shared.record(id_)).key: read for id_ in shared.query().tolist()}
    assert found.keys() == last.keys() == shared.known("s").keys()
    for key, run in last.items():
        read = found[key]
        assert read.params.keys() == run.params.keys()
        assert all(equal(read.params[name], as_read_back(value)) for name, value in run.params.items())
        assert all(type(read.params[name]) is type(as_read_back(value)) for name, value in run.params.items())
        assert read.metrics.keys() == run.metrics.keys()
        assert all(same(summary, read.metrics[name]) for name, summary in run.metrics.items())
        plain = replace(run, params={}, metrics={}, problems=(), parent=run.parent or None)
        assert replace(read, params={}, metrics={}, problems=()) == plain
        assert read.problems[: len(run.problems)] == run.problems
    names = shared.names()
    assert names.params == {name for run in last.values() for name in run.params}
    assert names.metrics == {name for run in last.values() for name in run.metrics}
    assert names.tags == {name for run in last.values() for name in run.tags}


def test_more_runs_than_a_chunk_holds_change_each_for_itself(index: Index) -> None:
    runs = [record(str(n), params={"n": n}, metrics={"m": summary_of([n])}) for n in range(700)]
    index.update("s", runs)
    changed = [record(str(n), params={"n": -n, "new": "x"}) for n in (0, 255, 256, 257, 699)]
    index.update("s", changed, gone=["1", "511", "512"])
    ids = index.query(None, ("n", False))
    table = index.table(ids, ["n", "new", "m"])
    left = [n for n in range(700) if n not in (1, 511, 512)]
    assert list(table["n"]) == sorted(-n if n in (0, 255, 256, 257, 699) else n for n in left)
    assert list(table["new"])[:4] == ["x"] * 4
    assert list(table["m"])[:4] == [None] * 4
    assert len(index.query("m >= 0")) == 692


def test_ids_are_never_given_twice(index: Index) -> None:
    index.update("s", [record("a"), record("b")])
    before = index.query().tolist()
    index.update("s", gone=["a", "b"])
    index.update("s", [record("a")])
    assert set(index.query().tolist()).isdisjoint(before)


def test_a_run_is_known_by_its_source_and_its_key(index: Index) -> None:
    index.update("one", [record("a", name="first")], {"a": b"1"})
    index.update("two", [record("a", name="second")], {"a": b"2"})
    assert (index.known("one"), index.known("two"), index.known("three")) == ({"a": b"1"}, {"a": b"2"}, {})
    assert len(index.query()) == 2
    assert index.sources() == ["one", "two"]
    index.forget("one")
    assert [index.record(id_).name for id_ in index.query().tolist()] == ["second"]
    assert (index.sources(), index.known("one")) == (["two"], {})


def test_two_runs_with_one_id_are_both_there_and_say_so(index: Index) -> None:
    index.update("s", [record("a", id="same"), record("b", id="same"), record("c", id="other")])
    first, second, third = index.query().tolist()
    assert index.clashes() == {"same": [first, second]}
    assert index.find("same").tolist() == [first, second]
    assert "/runs/b has the same id" in index.record(first).problems[0]
    assert index.record(third).problems == ()


def test_a_run_with_many_copies_names_some_and_counts_the_rest(index: Index) -> None:
    index.update("s", [record(f"{number}", id="same") for number in range(9)])
    for read in index.records(index.query()):
        assert len(read.problems) == 4
        assert f"/runs/{read.name} has the same id" not in " ".join(read.problems)
        assert read.problems[-1].endswith("5 more have the same id")


def test_many_runs_at_once_are_what_they_are_one_by_one(index: Index) -> None:
    curve = summary_of([3.0, 1.0, math.inf])
    runs = [
        record(f"{number}", params={"n": number, f"own {number % 7}": "x", "none": None}, metrics={"m": curve})
        for number in range(600)
    ]
    index.update("s", runs, gone=[])
    index.update("s", gone=["13", "599"], annotations={"7": Annotations(name="seven", tags={"a": "b"})})
    wanted = np.array([300, 7, 8, 9_999, 300, 1, 560, 14])
    one_by_one = [index.record(run) for run in wanted.tolist() if run not in (9_999, 14)]
    assert index.records(wanted) == one_by_one
    assert [read.name for read in one_by_one] == ["299", "6", "seven", "299", "0", "559"]
    assert len(index.records(index.query())) == 598
    assert index.records(np.array([], np.int64)) == []


def test_a_run_is_found_by_id_name_and_key_or_by_what_they_begin_with(index: Index) -> None:
    index.update("s", [record("k/one", id="1234", name="alpha"), record("k/two", id="1299", name="alphabet")])
    one, two = index.query().tolist()
    assert index.find("1234").tolist() == index.find("alpha").tolist() == index.find("k/one").tolist() == [one]
    assert index.find("12").tolist() == index.find("k/").tolist() == [one, two]
    assert index.find("x").tolist() == index.find("").tolist() == []
    index.update("s", annotations={"k/two": Annotations(name="the good one")})
    assert index.find("the good").tolist() == index.find("alphabet").tolist() == [two]


def test_what_people_add_shows_and_outlives_a_new_reading(index: Index) -> None:
    run = record("a", tags={"stage": "train", "own": "1"})
    added = Annotations(name="My run", star=True, notes="look again", group="g", tags={"stage": "debug", "new": ""})
    index.update("s", [run, record("b")], annotations={"a": added, "unknown": added})
    index.update("s", [replace(run, state="finished")])
    assert len(index.query("star = true and state = finished and tags.stage = debug and has(tags.new)")) == 1
    assert len(index.query("star = false")) == 1
    (found,) = index.query('name = "My run" and notes ~ again and group = g').tolist()
    assert index.record(found).name == "My run"
    assert dict(index.record(found).tags) == {"stage": "debug", "own": "1", "new": ""}
    assert "new" in index.names().tags
    index.update("s", annotations={"a": Annotations(notes="only this")})
    assert len(index.query("star = true")) == 0
    assert index.record(found).tags == {"stage": "train", "own": "1"}
    assert index.record(found).name == "a"


def test_a_run_without_an_id_of_the_index_is_no_run(index: Index) -> None:
    with pytest.raises(KeyError):
        index.record(7)


def test_values_come_with_the_most_frequent_first(index: Index) -> None:
    optimizers = ["sgd", "adam", "adam", True, 0.5, 0.5, 0.5, None]
    index.update("s", [record(str(n), params={"o": each}) for n, each in enumerate(optimizers)])
    assert index.values("o")[:2] == ["0.5", "adam"]
    assert set(index.values("o")) == {"0.5", "adam", "sgd", "true"}
    assert index.values("o", 1) == ["0.5"]
    with pytest.raises(QueryError):
        index.values("nothing")


def test_names_are_counted(index: Index) -> None:
    index.update("s", [record("a", params={"p": 1}, metrics={"m": summary_of([1.0])}), record("b", params={"p": 2})])
    assert index.counts() == {Field("metric", "m", "last"): 1, Field("param", "p"): 2}
    assert index.counts(index.query("has(metrics.m)")) == {Field("metric", "m", "last"): 1}
    assert index.counts(index.query("not has(metrics.m)")) == {}


def test_the_table_has_every_kind_of_column(index: Index) -> None:
    summary = summary_of([3.0, 1.0, 2.0], [10, 20, 30])
    index.update("s", [record("a", metrics={"val_loss": summary}, params={"p": None}, started=5.0), record("b")])
    ids = index.query(None, ("name", True))
    keys = ["val_loss", "val_loss.best", "val_loss.best_step", "val_loss.count", "p", "started", "name", "star"]
    table = index.table(ids, keys)
    assert [list(table[key]) for key in keys[:4]] == [[None, 2.0], [None, 1.0], [None, 20], [None, 3]]
    assert list(table["name"]) == ["b", "a"]
    assert list(table["started"]) == [None, 5.0]
    assert [index.trends(ids, "val_loss")[0], len(index.trends(ids, "val_loss")[1])] == [(), 3]
    assert list(index.trends(ids, "nothing")) == [(), ()]
    assert index.trends(ids, "val_loss")[:1] == [()]


def test_an_infinite_or_undefined_curve_keeps_its_shape(index: Index) -> None:
    values = [math.nan, 1.0, math.inf, -math.inf, 1e308, -1e308]
    index.update("s", [record("a", metrics={"m": summary_of(values)})])
    (trend,) = index.trends(index.query(), "m")
    assert math.isnan(trend[0])
    assert trend[1] == pytest.approx(0.0, abs=1e306)
    assert trend[2:] == (math.inf, -math.inf, pytest.approx(1e308), pytest.approx(-1e308))


def test_numbers_past_what_is_stored_do_no_harm(index: Index) -> None:
    summary = summary_of([1.0])._replace(count=10**30, min_step=10**30, max_step=-(10**30))
    index.update("s", [record("a", params={"n": 10**5000, "t": "x" * 100_000}, metrics={"m": summary})])
    read = index.record(1)
    assert (read.metrics["m"].count, read.metrics["m"].min_step) == ((1 << 63) - 1, None)
    assert len(str(read.params["t"])) == 32_768
    assert isinstance(read.params["n"], str)


def test_names_that_are_not_valid_unicode_are_kept(index: Index) -> None:
    odd = os.fsdecode(b"a\xff")
    index.update(odd, [record(odd, params={odd: odd}, path=Path("/runs") / odd)], {odd: b"1"})
    assert index.known(odd) == {odd: b"1"}
    assert index.record(1).params == {odd: odd}
    assert index.sources() == [odd]


def test_a_workspace_that_moves_takes_its_paths_along(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    folder = old / "trainings" / "e" / "executions" / "x"
    outside = record("o", path=Path("/elsewhere/run"), artifacts=Path("/data/artifacts"))
    inside = record("i", path=folder, artifacts=folder / "artifacts", log=old / "trainings" / "shared.log")
    with Index(Workspace.at(old)) as index:
        index.update("", [inside, outside])
    old.rename(new)
    with Index(Workspace.at(new)) as index:
        read, other = (index.record(id_) for id_ in index.query().tolist())
    folder = new / "trainings" / "e" / "executions" / "x"
    assert (read.path, read.artifacts, read.log) == (folder, folder / "artifacts", new / "trainings" / "shared.log")
    assert (other.path, other.artifacts) == (outside.path, outside.artifacts)


def test_the_version_tells_of_changes_by_others(workspace: Workspace, index: Index) -> None:
    with Index(workspace) as other:
        before = index.version
        assert index.version == before
        other.update("s", [record("a")])
        after = index.version
        assert after != before
        assert after[0] == before[0]
        index.rebuild()
        assert index.version[0] != before[0]
        assert other.query().tolist() == []


def test_sizes_are_of_what_is_a_runs_own(index: Index) -> None:
    shared = Path("/runs/mlflow.db")
    index.update("s", [record("a"), record("b", path=shared), record("c", path=shared), record("d")])
    assert [path.name for _, path in index.unmeasured(9)] == ["d", "a"]
    assert [path.name for _, path in index.unmeasured(1)] == ["d"]
    (d, _), (a, _) = index.unmeasured(9)
    index.set_sizes({a: 2_000, d: None, 99: 5})
    assert index.unmeasured(9) == []
    assert index.query("size > 1000").tolist() == [a]
    index.update("s", [record("a")])
    assert [run for run, _ in index.unmeasured(9)] == [a]


def test_a_run_with_endless_problems_harms_nobody(index: Index) -> None:
    index.update("s", [record("a"), record("b", problems=("\0" * 100_000, *["a\nline"] * 10_000))])
    _, many = index.query().tolist()
    problems = index.record(many).problems
    assert problems[:2] == ("\0" * 1000, "a line")
    assert sum(map(len, problems)) < 40_000
    assert len(index.query()) == 2


def test_an_index_that_is_closed_does_no_harm_to_its_file(tmp_path: Path) -> None:
    index = Index(Workspace.at(tmp_path))
    index.close()
    with pytest.raises(sqlite3.ProgrammingError):
        index.query()
    assert [path.name for path in (tmp_path / ".trackside").glob("index*")] == ["index.db"]
