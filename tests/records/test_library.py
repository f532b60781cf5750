from __future__ import annotations

import json
import os
import queue
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.records.index import Progress
from app.records.layout import Workspace
from app.records.library import OWN, Library
from app.records.sources.external import ExternalSources
from app.records.upkeep import END, LOOK, SEARCH, Complete, News, Sources, keep_up


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.at(tmp_path / "workspace")


def table(path: Path, rows: int = 3) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("step,loss\n" + "".join(f"{step},{1 / (step + 1)}\n" for step in range(rows)))


def execution(workspace: Workspace, name: str = "10-00-00__01-01-2026", experiment: str = "boston") -> Path:
    folder = workspace.root / "trainings" / experiment / "executions" / name
    folder.mkdir(parents=True)
    (folder / "metrics.json").write_text(json.dumps({"metrics": {"loss": [3.0, 2.0, 1.0]}, "elapsed": {}}))
    (folder / "execution.log").write_text("done\n")
    os.utime(folder, (1_790_000_000, 1_790_000_000))  # what has no status.json and is new is only being made
    return folder


def names(library: Library, query: str = "") -> list[str]:
    index = library.index
    return sorted(map(str, index.table(index.query(query), ["name"])["name"]))


def test_executions_and_what_lies_beside_them_and_in_added_folders_is_one_thing(
    workspace: Workspace, tmp_path: Path
) -> None:
    execution(workspace)
    table(workspace.root / "logs" / "mine.csv")
    table(tmp_path / "elsewhere" / "theirs.csv", 5)
    ExternalSources(workspace).add(tmp_path / "elsewhere")
    with Library(workspace) as library:
        list(library.update())
        assert names(library, "source = execution") == ["10-00-00__01-01-2026"]
        assert len(names(library, "source = csv")) == 2
        assert {place.folder for place in library.places.values()} == {None, tmp_path / "elsewhere"}
        assert set(library.places) == {OWN, "csv:logs", f"csv:{tmp_path / 'elsewhere'}"}
        (run,) = library.index.query("loss.count = 5")
        assert library.series(int(run), "loss")["value"].tolist() == [1 / (step + 1) for step in range(5)]
        with pytest.raises(KeyError):
            library.series(int(run), "nothing")
        with pytest.raises(KeyError):
            library.series(1000, "loss")


def test_the_mirrors_of_executions_are_no_runs_of_their_own(workspace: Workspace) -> None:
    folder = execution(workspace)
    table(folder.parent.parent / "trackings" / "x" / "log.csv")
    with Library(workspace) as library:
        list(library.update())
        assert set(library.places) == {OWN}
        assert len(library.index.query()) == 1


def test_runs_of_a_folder_that_is_away_are_kept_and_those_of_a_removed_one_are_not(
    workspace: Workspace, tmp_path: Path
) -> None:
    disk, added = tmp_path / "disk", tmp_path / "disk" / "logs"
    table(added / "theirs.csv")
    ExternalSources(workspace).add(added)
    with Library(workspace) as library:
        list(library.update())
        assert len(names(library)) == 1
        disk.rename(tmp_path / "away")
        list(library.update())
        assert len(names(library)) == 1
        assert [str(added) in problem for problem in library.problems] == [True]
        (tmp_path / "away").rename(disk)
        ExternalSources(workspace).remove(added)
        list(library.update())
        assert names(library) == []
        assert library.index.sources() == []


def test_broken_list_of_sources_is_said_and_the_rest_is_there(workspace: Workspace) -> None:
    execution(workspace)
    workspace.private.mkdir(exist_ok=True)
    (workspace.private / "sources.json").write_text("[")
    with Library(workspace) as library:
        list(library.update())
        assert len(names(library)) == 1
        assert "sources.json" in library.problems[0]


@pytest.fixture
def kept(workspace: Workspace) -> Iterator[tuple[Iterator[News], queue.SimpleQueue[str], Library]]:
    wanted: queue.SimpleQueue[str] = queue.SimpleQueue()
    with Library(workspace) as library:
        news = keep_up(library, wanted)
        yield news, wanted, library
        wanted.put(END)
        assert list(news)[3:] == []


def until_complete(news: Iterator[News]) -> list[News]:
    found: list[News] = []
    while not found or not isinstance(found[-1], Complete):
        found.append(next(news))
    return found


def test_what_appears_while_somebody_looks_is_found(
    workspace: Workspace, kept: tuple[Iterator[News], queue.SimpleQueue[str], Library]
) -> None:
    news, wanted, library = kept
    first = until_complete(news)
    assert isinstance(first[0], Sources)
    assert [place.name for place in first[0].places] == [OWN]
    execution(workspace)
    wanted.put(LOOK)
    assert next(news) == Progress(OWN, 0, 1)
    assert next(news) == Progress(OWN, 1, 1)
    table(workspace.root / "logs" / "mine.csv")
    wanted.put(SEARCH)
    found = next(news)
    assert isinstance(found, Sources)
    assert len(found.places) == 2
    assert isinstance(next(news), Progress)
    next(news)
    assert len(names(library)) == 2
    time.sleep(0.01)
    table(workspace.root / "logs" / "mine.csv", 50)
    grown = [next(news), next(news)]
    assert [each.source for each in grown if isinstance(each, Progress)] == ["csv:logs"] * 2
    assert names(library, "loss.count = 50") != []


def test_a_source_that_is_gone_is_forgotten_at_the_next_search(
    workspace: Workspace, kept: tuple[Iterator[News], queue.SimpleQueue[str], Library]
) -> None:
    table(workspace.root / "logs" / "mine.csv")
    news, wanted, library = kept
    until_complete(news)
    assert len(names(library)) == 1
    shutil.rmtree(workspace.root / "logs")
    wanted.put(SEARCH)
    assert isinstance(next(news), (Sources, Progress))
    while names(library):
        next(news)
