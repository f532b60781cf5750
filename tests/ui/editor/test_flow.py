"""A row that goes on below: what room it asks for."""

from __future__ import annotations

from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QWidget
from pytestqt.qtbot import QtBot

from app.ui.editor.flow import Flow


def test_an_empty_flow_leaves_its_room_to_what_stands_beside_it(qtbot: QtBot) -> None:
    row = QWidget()
    qtbot.addWidget(row)
    field, flow = QLineEdit(), Flow(row)
    field.setMinimumWidth(100)
    layout = QHBoxLayout(row)
    layout.addWidget(field)
    layout.addWidget(flow, 1)
    option = QLineEdit()
    assert flow.minimumSizeHint().width() == 0
    flow.add(option)
    assert flow.minimumSizeHint().width() == 80
    least = row.minimumSizeHint().width()
    flow.remove(option)
    qtbot.waitUntil(lambda: row.minimumSizeHint().width() == least - 80)
