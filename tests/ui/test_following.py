"""The window sees runs by their folders, whoever writes them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable

from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from app.records.layout import ExecutionFolder, Workspace
from app.records.query import Field
from app.records.sources.base import Param
from app.records.status import read_status, write_status
from app.records.watch import Changes, RunUpdate, WorkspaceWatch
from app.ui.session import Session
from tests.ui.recording import end_run, log_metrics

Record = Callable[..., ExecutionFolder]


def test_a_run_that_goes_on_is_followed(qtbot: QtBot, session: Session, record: Record) -> None:
    folder = record("running")
    qtbot.waitUntil(lambda: session.is_listed and folder.path in session.runs)
    assert session.runs[folder.path].metrics["val_loss"].min == 13.5
    assert session.runs[folder.path].metrics["val_loss"].trend == (22.0, 13.5, 14.0)


def test_runs_that_are_over_are_left_to_the_index(qtbot: QtBot, workspace: Workspace, record: Record) -> None:
    record("finished"), record("stopped"), record("failed")
    over = record("finished")
    over.status.unlink()  # as older systems leave it
    os.utime(over.path, (1.0, 1.0))
    running = record("running")
    watch = WorkspaceWatch(workspace)
    first = watch.look()
    assert [run.folder.path for run in first.runs] == [running.path]
    assert first.others
    assert watch.has_found_any
    end_run(running)
    assert [run.state for run in watch.look().runs] == ["finished"]
    assert watch.look() == Changes()


def test_runs_that_the_index_has_the_end_of_are_not_even_opened(workspace: Workspace, record: Record) -> None:
    running = record("running")
    known = [running.path.relative_to(workspace.root).as_posix()]
    assert WorkspaceWatch(workspace, known).look() == Changes()


def test_a_crash_that_is_still_to_be_written_down_is_seen(workspace: Workspace, record: Record) -> None:
    folder = record("crashed")
    assert WorkspaceWatch(workspace).look().runs == ()
    folder.scratch.mkdir()
    assert [run.state for run in WorkspaceWatch(workspace).look().runs] == ["crashed"]


def test_a_run_that_another_program_makes_and_ends_is_seen(qtbot: QtBot, session: Session, record: Record) -> None:
    qtbot.waitUntil(lambda: session.is_listed)
    folder = record("running")
    qtbot.waitUntil(lambda: folder.path in session.runs)
    assert session.runs[folder.path].state == "running"
    end_run(folder, "stopped", message="stopped by someone")
    qtbot.waitUntil(lambda: session.runs[folder.path].state == "stopped")


def test_a_run_whose_folder_is_removed_is_gone(qtbot: QtBot, session: Session, record: Record) -> None:
    folder = record("running")
    qtbot.waitUntil(lambda: folder.path in session.runs)
    shutil.rmtree(folder.path)
    qtbot.waitUntil(lambda: folder.path not in session.runs)


def test_an_experiment_that_is_removed_takes_its_runs_along(qtbot: QtBot, session: Session, record: Record) -> None:
    folder, other = record("running"), record("running", experiment="Other")
    qtbot.waitUntil(lambda: len(session.runs) == 2)
    shutil.rmtree(folder.experiment_folder)
    qtbot.waitUntil(lambda: set(session.runs) == {other.path})


def test_a_run_that_is_written_again_later_is_seen_by_looking_again(
    qtbot: QtBot, session: Session, record: Record
) -> None:
    folder = record("finished")
    seen: list[Param] = []
    loss = Field("metric", "loss", "last")

    def look() -> None:
        session.indexing.read(session, lambda index: index.table(index.query(), [loss])[loss], seen.extend)

    session.indexing.changed.connect(look)
    qtbot.waitUntil(lambda: 9.0 in seen)
    folder.metrics.write_text('{"metrics": {"loss": [5.0]}, "elapsed": {}, "platform": {}}', encoding="utf-8")
    write_status(folder.status, read_status(folder.status))
    session.rescan()
    qtbot.waitUntil(lambda: 5.0 in seen)


def test_a_live_run_is_told_from_its_beginning_and_then_what_is_new(
    qtbot: QtBot, session: Session, record: Record
) -> None:
    folder = record("running", batches=4)
    owner, updates = QObject(), []
    feed = session.follow(folder, owner)
    feed.updated.connect(updates.append)
    qtbot.waitUntil(lambda: bool(updates))
    first: RunUpdate = updates[0]
    assert {name: len(points) for name, points in first.points} == {
        "loss": 3, "val_loss": 3, "test_loss": 1, ".batch/loss": 12
    }  # fmt: skip
    assert [event["epoch"] for event in first.events if event["kind"] == "epoch_end"] == [1, 2, 3]
    log_metrics(folder, {"loss": (8.0,)}, first_epoch=4)
    qtbot.waitUntil(lambda: any(name == "loss" for update in updates[1:] for name, _ in update.points))
    new = [points for update in updates[1:] for name, points in update.points if name == "loss"]
    assert [point.tolist() for points in new for point in points] == [(4, 2.0, 8.0)]


def test_a_past_run_of_an_older_system_is_told_the_same_way(qtbot: QtBot, session: Session, record: Record) -> None:
    folder = record("finished")
    shutil.rmtree(folder.series)
    for path in (folder.status, folder.events):
        path.unlink()
    owner, updates = QObject(), []
    session.follow(folder, owner).updated.connect(updates.append)
    qtbot.waitUntil(lambda: bool(updates))
    points = dict(updates[0].points)
    assert points["val_loss"]["value"].tolist() == [22.0, 13.5, 14.0]
    assert points["val_loss"]["step"].tolist() == [1, 2, 3]
    assert updates[0].status.state == "finished"


def test_an_open_run_that_vanishes_says_so(qtbot: QtBot, session: Session, record: Record) -> None:
    folder = record("running")
    owner, updates = QObject(), []
    session.follow(folder, owner).updated.connect(updates.append)
    qtbot.waitUntil(lambda: bool(updates))
    shutil.rmtree(folder.path)
    qtbot.waitUntil(lambda: updates[-1].is_gone)


def test_nothing_is_told_to_a_page_that_is_closed(qtbot: QtBot, session: Session, record: Record) -> None:
    folder = record("running")
    owner, updates = QObject(), []
    session.follow(folder, owner).updated.connect(updates.append)
    qtbot.waitUntil(lambda: bool(updates))
    seen = len(updates)
    owner.deleteLater()
    qtbot.wait(20)
    log_metrics(folder, {"loss": (8.0,)}, first_epoch=4)
    qtbot.wait(300)
    assert len(updates) == seen


def test_a_folder_that_is_no_run_is_passed_over(qtbot: QtBot, session: Session, record: Record) -> None:
    folder = record("running")
    (folder.path.parent / "notes").mkdir()
    (folder.path.parent / "notes" / "todo.txt").write_text("more layers", encoding="utf-8")
    qtbot.waitUntil(lambda: session.is_listed and bool(session.runs))
    session.rescan()
    qtbot.wait(200)
    assert set(session.runs) == {folder.path}
