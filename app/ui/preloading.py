"""Imports behind the painted window what the first clicks would wait for."""

from __future__ import annotations

from PySide6.QtCore import QObject

from app.ui.background import run_in_background


def preload(owner: QObject) -> None:
    """Import it in the background."""

    def work(_work: object) -> None:
        import app.jobs.scheduling
        import app.ui.charts.metric_charts
        import app.ui.data.page
        import app.ui.editor.page
        import app.ui.run.page
        import app.ui.run.record_page  # noqa: F401

    run_in_background(owner, work)
