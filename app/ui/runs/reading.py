"""What the table asks for, and when it is read: at once when the user wants something else, seldom when runs change."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal

from app.ui.background import Work
from app.ui.indexing import Indexing
from app.ui.pace import Pace
from app.ui.runs.snapshot import Request, Snapshot, SnapshotReader

#: The shortest time between two readings of what has changed (seconds).
_LEAST_SECONDS = 0.1


class TableReading(QObject):
    """Reads what is asked for, one reading at a time and the last request only.

    ``arrived`` brings a snapshot; ``refused`` the error (QueryError) of a query that cannot be understood, None once
    one can; ``failed`` why the index cannot be read.
    """

    arrived = Signal(Snapshot)
    refused = Signal(object)
    failed = Signal(str)

    def __init__(self, indexing: Indexing, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._indexing = indexing
        self._reader = SnapshotReader()
        self._wanted = Request()
        self._good_text = ""
        self._work: Work[Snapshot] | None = None
        self._is_outdated = self._has_begun = False
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(self._read)
        self._pace = Pace(_LEAST_SECONDS)
        indexing.changed.connect(self._on_index_changed)

    @property
    def request(self) -> Request:
        """What is asked for."""
        return self._wanted

    def ask(self, **changes: Any) -> None:
        """Ask for something else: any of the fields of ``Request``."""
        wanted = replace(self._wanted, **changes)
        if wanted != self._wanted:
            self._wanted = wanted
            self._read()

    def begin(self) -> None:
        """Read what is asked for, unless that has begun."""
        if not self._has_begun:
            self._read()

    def _on_index_changed(self) -> None:
        if not self._timer.isActive():
            self._timer.start(self._pace.wait)

    def _read(self, text: str | None = None) -> None:
        """Read what is asked for, or that with another text."""
        if self._work is not None:
            self._is_outdated = True
            return
        self._timer.stop()
        self._is_outdated, self._has_begun = False, True
        self._pace.begin()
        request = self._wanted if text is None else replace(self._wanted, text=text)
        self._work = self._indexing.read(
            self,
            lambda index: self._reader.read(index, request),
            self._on_read,
            failed=lambda error: self._on_failed(error, request),
        )

    def _on_read(self, snapshot: Snapshot) -> None:
        self._end()
        self._good_text = snapshot.request.text
        if self._good_text == self._wanted.text:
            self.refused.emit(None)
        self.arrived.emit(snapshot)

    def _on_failed(self, error: Exception, request: Request) -> None:
        from app.records.query import QueryError

        self._end()
        match error:
            case QueryError():
                if request.text == self._wanted.text:
                    self.refused.emit(error)
                if request.text != self._good_text and self._work is None:
                    # The last text that was a query stays; what else has changed is shown with it.
                    self._read(self._good_text)
            case LookupError():  # the index was made anew while it was read
                self._on_index_changed()
            case OSError():
                self.failed.emit(f"The index of this workspace cannot be read: {error}")
            case _:
                raise error

    def _end(self) -> None:
        self._work = None
        self._pace.end()
        if self._is_outdated:
            self._read()
