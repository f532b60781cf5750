"""A run in TensorBoard's or MLflow's own page: started when it is asked for, opened in the browser."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QGuiApplication

from app.jobs.servers import NAMES, AnyRun, ServerError, TrackingServers, command_line
from app.records.layout import ExecutionFolder
from app.records.library import RunAddress, open_source
from app.records.mirrored import StoredRun
from app.ui.background import run_in_background

if TYPE_CHECKING:
    from app.ui.session import Session

_log = logging.getLogger(__name__)


def _open_in_browser(address: str) -> bool:
    return QDesktopServices.openUrl(QUrl(address))


class TrackingPages(QObject):
    """Opens runs of a workspace in the trackers' pages. Its servers end with :meth:`close`, and with this process.

    To be used while the program's event loop runs, which is asyncio's too.
    """

    #: Tracker and what is waited for, "" once nothing is any more.
    progress = Signal(str, str)
    #: Tracker and address of the page that the browser was asked to show.
    opened = Signal(str, str)
    #: Tracker, why there is no page, and what its server printed last.
    failed = Signal(str, str, str)
    #: ``addresses`` returns something else.
    changed = Signal()

    def __init__(
        self,
        session: Session,
        parent: QObject | None = None,
        *,
        browse: Callable[[str], bool] = _open_in_browser,
    ) -> None:
        """Make it; nothing is started yet.

        Args:
            session: the open workspace, which is told what was copied.
            parent: the owner.
            browse: shows an address to the person, and returns whether that could be done.
        """
        super().__init__(parent)
        self._session = session
        self._browse = browse
        self._servers = TrackingServers(self.changed.emit)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._awaited: dict[str, Path | RunAddress] = {}

    def open(self, where: Path | RunAddress, kind: str) -> None:
        """Show a run's page in the browser as soon as it answers; another one of that tracker is no longer waited for.

        Args:
            where: the folder of one of our own runs, or the address of another program's.
            kind: ``tensorboard`` or ``mlflow``.
        """
        if kind in self._tasks and self._awaited.get(kind) == where:
            return  # a second click asks for nothing else
        self.cancel(kind)
        self._awaited[kind] = where
        task = asyncio.get_running_loop().create_task(self._open(self._run(where), kind))
        self._tasks[kind] = task

        def ended(_task: asyncio.Task[None]) -> None:
            if self._tasks.get(kind) is task:
                del self._tasks[kind]
                self.progress.emit(kind, "")

        task.add_done_callback(ended)

    def copy_command(self, where: Path | RunAddress, kind: str) -> None:
        """Put the command line that starts the tracker's own server for a run into the clipboard."""

        def done(line: str) -> None:
            QGuiApplication.clipboard().setText(line)
            self._session.notice.emit("info", f"The command that starts {NAMES[kind]} is in the clipboard")

        def failed(error: Exception) -> None:
            self.failed.emit(kind, str(error), "")

        run = self._run(where)
        run_in_background(self, lambda _: command_line(kind, run), done, failed=failed)

    def prestart(self, kind: str) -> None:
        """Start a tracker's server ahead, at low priority, so that its first page need not wait for it."""
        with contextlib.suppress(ServerError):  # it is said when a page is asked for
            self._servers.prestart(kind)

    def addresses(self) -> dict[str, str]:
        """Return the base address of the page of each tracker that is up."""
        return self._servers.addresses()

    def cancel(self, kind: str) -> None:
        """Wait for a tracker's page no longer."""
        if kind in self._tasks:
            self._tasks[kind].cancel()

    def close(self) -> None:
        """End all servers, also those that are starting. They are gone when this returns."""
        for kind in list(self._tasks):
            self.cancel(kind)
            self.progress.emit(kind, "")
        self._tasks.clear()
        self._servers.close()
        self.changed.emit()

    def _run(self, where: Path | RunAddress) -> AnyRun:
        if isinstance(where, RunAddress):
            return StoredRun(open_source(where.source, self._session.workspace).root, where.key)
        return ExecutionFolder(where)

    async def _open(self, run: AnyRun, kind: str) -> None:
        try:
            address = await self._servers.open(kind, run, lambda text: self.progress.emit(kind, text))
        except ServerError as error:
            self.failed.emit(kind, str(error), error.last_lines)
        except Exception as error:  # whatever it is, the person waits for a page
            _log.exception("%s could not be opened", NAMES[kind])
            self.failed.emit(kind, f"{NAMES[kind]} could not be opened: {error}", "")
        else:
            self.changed.emit()
            if self._browse(address):
                self.opened.emit(kind, address)
            else:
                self.failed.emit(kind, f"No browser could be started here. The page is at {address}", "")
