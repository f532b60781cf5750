"""Folders outside a workspace whose runs it shows: added, removed, and what is said about them."""

from __future__ import annotations

from pathlib import Path

from app.ui.background import Work, run_in_background
from app.ui.session import Session


def add_source(session: Session, folder: Path) -> None:
    """Have a workspace show the runs that lie in a folder, if there are any that can be read."""

    def work(_work: Work[tuple[str, str]]) -> tuple[str, str]:
        from app.records.sources.discovery import find_sources
        from app.records.sources.external import ExternalSources

        found = find_sources(folder)
        if not found.sources:
            return "warning", " ".join((f"{folder}: no runs that can be read were found.", *found.problems))
        if not ExternalSources(session.workspace).add(folder):
            return "info", f"{folder}: its runs are shown already."
        return "warning", " ".join(found.problems)

    def done(told: tuple[str, str]) -> None:
        level, text = told
        if text:
            session.notice.emit(level, text)
        session.indexing.search()

    run_in_background(session, work, done, failed=lambda error: _refuse(session, "added", folder, error))


def remove_source(session: Session, folder: Path) -> None:
    """Have a workspace no longer show the runs of a folder; nothing in it is touched."""

    def work(_work: Work[bool]) -> bool:
        from app.records.sources.external import ExternalSources

        return ExternalSources(session.workspace).remove(folder)

    run_in_background(
        session,
        work,
        lambda _: session.indexing.search(),
        failed=lambda error: _refuse(session, "removed", folder, error),
    )


def _refuse(session: Session, what: str, folder: Path, error: Exception) -> None:
    session.notice.emit("error", f"{folder} could not be {what}: {error}")
