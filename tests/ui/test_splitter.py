"""The part at the right keeps its width until somebody gives it another one."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from app.ui.splitter import SideSplitter


def splitter(qtbot: QtBot, width: int) -> SideSplitter:
    found = SideSplitter(300)
    qtbot.addWidget(found)
    for least in (400, 100):
        part = QWidget()
        part.setMinimumWidth(least)
        found.addWidget(part)
    found.setStretchFactor(0, 1)
    found.resize(width, 200)
    found.show()
    return found


def test_the_right_part_has_its_width_in_a_window_of_any(qtbot: QtBot) -> None:
    shown = splitter(qtbot, 1000)
    assert shown.sizes()[1] == 300
    shown.resize(1600, 200)
    assert shown.sizes()[1] == 300


def test_where_there_is_no_room_the_left_part_keeps_the_least_that_it_needs(qtbot: QtBot) -> None:
    assert splitter(qtbot, 600).sizes()[0] == 400


def test_who_moves_the_edge_has_it_where_it_was_put(qtbot: QtBot) -> None:
    shown = splitter(qtbot, 1000)
    shown.moveSplitter(550, 1)
    moved = shown.sizes()[1]
    assert moved > 400
    shown.resize(1200, 200)
    assert shown.sizes()[1] == moved


def test_what_was_remembered_is_restored(qtbot: QtBot) -> None:
    shown = splitter(qtbot, 1000)
    assert shown.chosen_sizes is None
    shown.restore([500, 495])
    assert shown.chosen_sizes == shown.sizes()
    assert abs(shown.sizes()[1] - 495) < 10
