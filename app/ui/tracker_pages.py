"""The way of an open workspace to the trackers' own pages; what they need is imported when the first is wanted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from app.jobs.spare import may_warm
from app.records.layout import ExecutionFolder
from app.records.sources.base import RunAddress
from app.ui.runs.scope import Scope
from app.ui.session import Session
from app.ui.status_bar import StatusBar

if TYPE_CHECKING:
    from app.records.index import Index
    from app.ui.tracking import TrackingPages


class TrackerPages(QObject):
    """Opens what a session asks for, and tells the status bar how far that is and which pages are up.

    Args:
        session: the open workspace, which owns it.
        status: the window's status bar.
    """

    def __init__(self, session: Session, status: StatusBar) -> None:
        super().__init__(session)
        self._session, self._status = session, status
        self._opened: TrackingPages | None = None
        session.tracker_requested.connect(self.open)
        session.tracker_command_requested.connect(self.copy_command)

    def open(self, where: Path | RunAddress, kind: str) -> None:
        """Show a run, an execution's folder or another one's address, in the page of ``tensorboard`` or ``mlflow``."""
        self._pages.open(where, kind)

    def copy_command(self, where: Path | RunAddress, kind: str) -> None:
        """Put the command line that starts a tracker's own server for a run into the clipboard."""
        self._pages.copy_command(where, kind)

    def open_newest(self, experiment: str, kind: str) -> None:
        """Show the newest run of an experiment that is in a tracker."""
        from app.ui.run.facts import read_mirrors

        root = self._session.workspace.root

        def newest(index: Index) -> Path | None:
            runs = index.query(Scope.of_experiment(experiment).query(), ("started", True))
            paths = (root / str(path) for path in index.table(runs, ["run.path"])["run.path"])
            return next((path for path in paths if kind in read_mirrors(ExecutionFolder(path))), None)

        def found(path: Path | None) -> None:
            if path is not None:
                self.open(path, kind)
            else:
                self._session.notice.emit("info", f"No run of {experiment} that is still here was mirrored there.")

        self._session.indexing.read(self, newest, found)

    def warm(self, kinds: list[str]) -> None:
        """Start servers ahead, at low priority; never beside a run where cores are few."""
        if may_warm(self._session.runs.values()):
            for kind in kinds:
                self._pages.prestart(kind)

    def close(self) -> None:
        """End all servers; they are gone when this returns."""
        if self._opened is not None:
            self._opened.close()
            self._status.show_addresses({})

    @property
    def _pages(self) -> TrackingPages:
        if self._opened is None:
            from app.ui.tracking import TrackingPages

            status = self._status
            pages = self._opened = TrackingPages(self._session, self)
            pages.changed.connect(lambda: status.show_addresses(pages.addresses()))
            pages.progress.connect(lambda kind, text: status.show_progress(kind, text, lambda: pages.cancel(kind)))
            pages.failed.connect(self._on_failed)
        return self._opened

    def _on_failed(self, _kind: str, message: str, last_lines: str) -> None:
        self._session.notice.emit("error", f"{message}\n{last_lines}".strip())
