"""The process that indexes beside the window: it is heard, started again, done without, and let go."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator

import pytest
from pytestqt.qtbot import QtBot

from app.records.index import Index
from app.records.layout import ExecutionFolder, Workspace
from app.ui.background import finish_background_work
from app.ui.indexing import _END, _LOOK, _SEARCH, Indexing

Record = Callable[..., ExecutionFolder]


@pytest.fixture
def indexing(workspace: Workspace) -> Iterator[Indexing]:
    workspace.root.mkdir(parents=True)
    found = Indexing(workspace)
    yield found
    found.close()
    finish_background_work()


def count(qtbot: QtBot, indexing: Indexing) -> int:
    """Return how many runs the index has."""
    found: list[int] = []
    indexing.read(indexing, lambda index: len(index.query()), found.append)
    qtbot.waitUntil(lambda: bool(found))
    return found[0]


def test_its_words_are_those_of_the_process() -> None:
    from app.records.upkeep import END, LOOK, SEARCH

    assert (_LOOK, _SEARCH, _END) == (LOOK, SEARCH, END)


def test_runs_are_indexed_beside_the_window_and_told(qtbot: QtBot, indexing: Indexing, record: Record) -> None:
    record()
    with qtbot.waitSignal(indexing.changed):
        indexing.start()
    qtbot.waitUntil(lambda: indexing.is_complete)
    qtbot.waitUntil(lambda: count(qtbot, indexing) == 1)
    assert [place.kind for place in indexing.places] == ["execution"]
    record()
    indexing.look()
    qtbot.waitUntil(lambda: count(qtbot, indexing) == 2)


def test_a_process_that_dies_is_started_again_once(qtbot: QtBot, indexing: Indexing, record: Record) -> None:
    told: list[str] = []
    indexing.failed.connect(told.append)
    indexing.start()
    qtbot.waitUntil(lambda: indexing.is_complete)
    first = indexing._process
    assert first is not None
    first.kill()
    qtbot.waitUntil(lambda: indexing._process not in (None, first))
    assert told == []
    second = indexing._process
    assert second is not None
    second.kill()
    qtbot.waitUntil(lambda: bool(told))
    assert "F5" in told[0]
    record()
    indexing.search()
    qtbot.waitUntil(lambda: count(qtbot, indexing) == 1)


def test_what_another_program_writes_to_the_index_is_noticed(
    qtbot: QtBot, indexing: Indexing, workspace: Workspace
) -> None:
    indexing.start()
    qtbot.waitUntil(lambda: indexing.is_complete)
    qtbot.wait(50)
    with qtbot.waitSignal(indexing.changed), Index(workspace) as index:
        index.update("csv:logs")
        index.rebuild()


def test_where_nothing_can_be_kept_runs_are_read_in_the_window(
    qtbot: QtBot, indexing: Indexing, workspace: Workspace, record: Record
) -> None:
    record()
    workspace.private.write_text("a file where the folder of the index should be")
    with qtbot.waitSignal(indexing.failed) as told:
        indexing.start()
    assert told.args is not None
    assert "read anew at each start" in told.args[0]
    qtbot.waitUntil(lambda: indexing.is_complete)
    assert count(qtbot, indexing) == 1
    record()
    indexing.look()
    qtbot.waitUntil(lambda: count(qtbot, indexing) == 2)
    indexing.close()
    qtbot.waitUntil(lambda: not [each for each in threading.enumerate() if each.name == "indexing"])


def test_the_process_ends_with_the_window(qtbot: QtBot, indexing: Indexing) -> None:
    indexing.start()
    qtbot.waitUntil(lambda: indexing.is_complete)
    process = indexing._process
    assert process is not None
    indexing.close()
    qtbot.waitUntil(lambda: process.poll() is not None)
    assert process.returncode == 0


def test_nothing_is_delivered_and_no_file_harmed_after_the_end(
    qtbot: QtBot, indexing: Indexing, workspace: Workspace
) -> None:
    indexing.start()
    qtbot.waitUntil(lambda: indexing.is_complete)
    indexing.close()
    found: list[object] = []
    indexing.read(indexing, lambda index: index.version, found.append, failed=found.append)
    finish_background_work()
    qtbot.wait(20)
    assert found == []
    assert sorted(name for name in os.listdir(workspace.private) if "damaged" in name) == []
