"""What the table of runs shows, as a person would read it."""

from __future__ import annotations

from app.ui.runs.page import RunsPage


def names(page: RunsPage) -> list[str]:
    """Return the names of the rows."""
    return [page.model.run_at(row).name for row in range(page.model.rowCount())]


def cell(page: RunsPage, row: int, title: str) -> str:
    """Return what stands in a cell."""
    column = [each.title for each in page.model.columns].index(title)
    text = page.model.index(row, column).data()
    assert isinstance(text, str)
    return text


def titles(page: RunsPage) -> list[str]:
    """Return the titles of the columns."""
    return [each.title for each in page.model.columns]
