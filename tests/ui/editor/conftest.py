from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from app.ui.editor.page import EditorPage
from app.ui.session import Session
from tests.ui.recording import DOCUMENT


@pytest.fixture
def edit(qtbot: QtBot, session: Session) -> Callable[..., EditorPage]:
    """Return a function that opens a document, or a file, in an editor of its own."""

    def opened(document: dict[str, Any] | None = None, path: Path | None = None, name: str = "") -> EditorPage:
        page = EditorPage(session, path, None if path else document or DOCUMENT, name)
        qtbot.addWidget(page, before_close_func=lambda closed: closed.leave())
        page.resize(1208, 830)
        page.show()
        return page

    return opened


@pytest.fixture
def config(session: Session) -> Path:
    """A config file in the workspace's experiments."""
    path = session.experiments / "boston.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(DOCUMENT), encoding="utf-8")
    return path
