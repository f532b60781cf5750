from __future__ import annotations

import gc
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from app.records.files import RecordError, read_json
from app.records.index import Index, Indexer, Progress
from app.records.index.indexer import size_of
from app.records.layout import Workspace
from app.records.series import POINT_DTYPE, Points
from app.records.sources.base import RunRecord, Scan, Source, Tail
from app.records.sources.rereading import Rereading
from tests.records.index.runs import record


class Folders(Source):
    """Every folder with a run.json in it is a run; its time is the stamp."""

    kind = "execution"

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.was_read: list[str] = []

    def scan(self, known: Mapping[str, bytes]) -> Scan:
        stamps = {path.parent.name: str(path.stat().st_mtime_ns).encode() for path in self.root.glob("*/run.json")}
        changed = {key: stamp for key, stamp in stamps.items() if known.get(key) != stamp}
        return Scan(changed, frozenset(known.keys() - stamps.keys()), ("one folder cannot be read",))

    def read(self, key: str) -> RunRecord:
        self.was_read.append(key)
        try:
            params = read_json(self.root / key / "run.json")
        except RecordError as error:
            raise KeyError(key) from error
        return record(key, path=self.root / key, params=params)

    def series(self, key: str, metric: str) -> Points:
        import numpy as np

        return np.empty(0, POINT_DTYPE)

    def follow(self, key: str) -> Tail:
        return Rereading(self, key, (self.root / key / "run.json").read_bytes)


@pytest.fixture
def source(tmp_path: Path) -> Folders:
    root = tmp_path / "runs"
    root.mkdir()
    return Folders(root)


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    with Index(Workspace.at(tmp_path)) as opened:
        yield opened


def write(source: Folders, name: str, time: int, **params: object) -> Path:
    folder = source.root / name
    folder.mkdir(exist_ok=True)
    (folder / "run.json").write_text(json.dumps(params))
    for path in (folder / "run.json", folder):
        os.utime(path, (time, time))
    return folder


def names(index: Index, query: str = "") -> Sequence[object]:
    return sorted(map(str, index.table(index.query(query), ["name"])["name"]))


def test_only_what_has_changed_is_read_again(source: Folders, index: Index) -> None:
    for number in range(5):
        write(source, f"r{number}", number, n=number)
    indexer = Indexer(index)
    progress = list(indexer.update("ours", source))
    assert progress[0] == Progress("ours", 0, 5, ("one folder cannot be read",))
    assert progress[-1] == Progress("ours", 5, 5)
    source.was_read.clear()
    assert list(indexer.update("ours", source)) == [Progress("ours", 0, 0, ("one folder cannot be read",))]
    write(source, "r3", 100, n=30)
    (source.root / "r1" / "run.json").unlink()
    list(indexer.update("ours", source))
    assert source.was_read == ["r3"]
    assert names(index) == ["r0", "r2", "r3", "r4"]
    assert names(index, "n = 30") == ["r3"]


def test_the_latest_come_first_and_what_was_read_when_it_is_stopped_is_kept(source: Folders, index: Index) -> None:
    for name, time in (("b", 3), ("a", 1), ("c", 2)):
        write(source, name, time, n=1)
    steps = Indexer(index).update("ours", source, slice_seconds=0)
    assert [next(steps).done for _ in range(3)] == [0, 1, 2]
    steps.close()
    assert names(index) == ["b", "c"]
    source.was_read.clear()
    list(Indexer(index).update("ours", source, slice_seconds=0))
    assert source.was_read == ["a"]
    assert names(index) == ["a", "b", "c"]


def test_the_collector_of_cycles_is_as_it_was_whatever_happens(source: Folders, index: Index) -> None:
    class Broken(Folders):
        def read_many(self, keys: Sequence[str]) -> Iterator[RunRecord]:
            assert not gc.isenabled()
            raise OSError("no more")
            yield

    write(source, "a", 1, n=1)
    with pytest.raises(OSError, match="no more"):
        list(Indexer(index).update("ours", Broken(source.root)))
    assert gc.isenabled()
    gc.disable()
    try:
        list(Indexer(index).update("ours", source))
        assert not gc.isenabled()
    finally:
        gc.enable()
    assert names(index) == ["a"]


@pytest.mark.parametrize("seconds", [0.0, 60.0])
def test_runs_that_vanish_between_looking_and_reading_are_taken_out(
    source: Folders, index: Index, seconds: float
) -> None:
    for time, name in enumerate("abcdef"):
        write(source, name, time, n=1)
    list(Indexer(index).update("ours", source))
    for time, name in enumerate("abcdef", 10):
        write(source, name, time, n=2)
    steps = Indexer(index).update("ours", source, seconds)
    next(steps)
    for name in "acf":
        (source.root / name / "run.json").unlink()
    *_, last = steps
    assert (last.done, last.total) == (6, 6)
    assert names(index, "n = 2") == names(index) == ["b", "d", "e"]


def test_all_may_vanish(source: Folders, index: Index) -> None:
    write(source, "a", 1)
    steps = Indexer(index).update("ours", source)
    next(steps)
    (source.root / "a" / "run.json").unlink()
    assert [(each.done, each.total) for each in steps] == [(1, 1)]
    assert names(index) == []


def test_a_source_that_is_no_longer_the_workspaces_is_taken_out(source: Folders, index: Index) -> None:
    write(source, "a", 1)
    for name in ("one", "two"):
        list(Indexer(index).update(name, source))
    assert names(index) == ["a", "a"]
    index.forget("one")
    assert index.sources() == ["two"]
    assert names(index, "origin = two") == names(index) == ["a"]


def test_what_people_added_to_an_execution_comes_with_it(source: Folders, index: Index) -> None:
    folder = write(source, "a", 1)
    notes = folder / "annotations.json"
    notes.write_text(
        json.dumps(
            {
                "star": {"value": True, "time": 1.0},
                "notes": "plain",
                "tags": {"stage": {"value": "debug", "time": 2.0}, "bad": {"value": 3}},
                "group": {"value": ["no text"]},
            }
        )
    )
    indexer = Indexer(index)
    list(indexer.update("ours", source))
    assert names(index, "star = true and tags.stage = debug and notes = plain and not has(group)") == ["a"]
    notes.unlink()
    write(source, "a", 2)
    list(indexer.update("ours", source))
    assert names(index, "not has(notes) and star = false") == ["a"]
    notes.write_text("{")
    write(source, "a", 3)
    list(indexer.update("ours", source))
    assert "annotations.json" in index.record(int(index.query()[0])).problems[0]


def test_sizes_are_measured_after_all_and_again_when_a_run_changes(source: Folders, index: Index) -> None:
    folder = write(source, "a", 1, n=1)
    (folder / "deep").mkdir()
    (folder / "deep" / "model").write_bytes(bytes(1_000_000))
    (folder / "link").symlink_to(folder)
    write(source, "b", 1)
    indexer = Indexer(index)
    list(indexer.update("ours", source))
    assert sum(indexer.measure(slice_seconds=0)) == 2
    assert names(index, "size > 1e6") == ["a"]
    assert list(indexer.measure()) == []
    (folder / "deep" / "model").unlink()
    write(source, "a", 2)
    list(indexer.update("ours", source))
    assert list(indexer.measure()) == [1]
    assert names(index, "size > 1e6") == []


def test_the_size_of_what_is_not_there_is_unknown(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(10))
    assert size_of(tmp_path / "file") == 10
    assert size_of(tmp_path / "nothing") is None
