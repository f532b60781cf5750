"""A page of runs."""

from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot

from app.ui.runs.page import RunsPage
from app.ui.session import Session


@pytest.fixture
def page(qtbot: QtBot, session: Session) -> RunsPage:
    found = RunsPage(session)
    qtbot.addWidget(found)
    found.resize(1200, 700)
    found.show()
    return found
