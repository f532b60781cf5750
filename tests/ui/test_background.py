"""Slow work: beside the window, its word in the window's thread, and nothing to those who are gone."""

from __future__ import annotations

import threading

import pytest
from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from app.ui.background import Cancelled, Work, run_in_background


def test_work_is_done_in_another_thread_and_delivered_in_this_one(qtbot: QtBot) -> None:
    owner, told = QObject(), []
    run_in_background(
        owner, lambda _: threading.current_thread(), lambda there: told.append((there, threading.current_thread()))
    )
    qtbot.waitUntil(lambda: bool(told))
    assert told[0][0] is not threading.main_thread()
    assert told[0][1] is threading.main_thread()


def test_an_error_is_handed_to_whom_it_concerns(qtbot: QtBot) -> None:
    owner, told = QObject(), []

    def work(_work: Work[None]) -> None:
        raise OSError("no room")

    run_in_background(owner, work, failed=told.append)
    qtbot.waitUntil(lambda: bool(told))
    assert str(told[0]) == "no room"


def test_an_error_that_concerns_nobody_is_not_lost(qtbot: QtBot) -> None:
    owner = QObject()

    def work(_work: Work[None]) -> None:
        raise ValueError("unexpected")

    with qtbot.captureExceptions() as raised:
        run_in_background(owner, work)
        qtbot.waitUntil(lambda: bool(raised))
    assert str(raised[0][1]) == "unexpected"


def test_progress_arrives_in_order_and_cancelled_work_ends(qtbot: QtBot) -> None:
    owner, progress, ended = QObject(), [], threading.Event()

    def work(work: Work[None]) -> None:
        try:
            for done in range(1_000_000):
                work.report(done, 1_000_000)
                threading.Event().wait(0.001)
        except Cancelled:
            ended.set()
            raise

    running = run_in_background(owner, work, pytest.fail, progress=lambda done, total: progress.append(done))
    qtbot.waitUntil(lambda: len(progress) > 2)
    running.cancel()
    assert ended.wait(5)
    assert progress == sorted(progress)


def test_nothing_is_delivered_to_an_owner_that_is_deleted(qtbot: QtBot) -> None:
    owner, other, told = QObject(), QObject(), []
    go_on = threading.Event()
    run_in_background(owner, lambda _: go_on.wait(5), lambda _: told.append("the deleted one"))
    owner.deleteLater()
    qtbot.waitUntil(lambda: not _is_alive(owner))
    go_on.set()
    run_in_background(other, lambda _: None, lambda _: told.append("the other one"))
    qtbot.waitUntil(lambda: "the other one" in told)
    qtbot.wait(50)
    assert told == ["the other one"]


def _is_alive(owner: QObject) -> bool:
    import shiboken6

    return bool(shiboken6.isValid(owner))
