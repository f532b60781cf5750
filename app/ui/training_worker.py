"""The worker that waits for the next run, and what it found on this machine."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from typing import Any

from PySide6.QtCore import QObject, Qt, Signal

from app.jobs.spare import Spare, may_warm
from app.records.runs import Run

#: After this time a worker that could not start is tried again.
_RETRY_SECONDS = 60.0


class TrainingWorker(QObject):
    """The window's warm spare. One for the program, since a spare can take a run of any workspace.

    ``changed`` is emitted when its health is another.
    """

    changed = Signal()
    _settled = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._spare: Spare | None = None
        self._lent = 0
        self._retry_at = math.inf
        #: What the last worker that got warm found: ``versions`` of its libraries, names of its ``gpus``; {} before.
        self.found: dict[str, Any] = {}
        #: Why no worker can start: the last lines of its output; "" when there is nothing wrong.
        self.problem = ""
        self._settled.connect(self._on_settled, Qt.ConnectionType.QueuedConnection)

    @property
    def is_warm(self) -> bool:
        """Whether a run that is started now trains at once."""
        return self._spare is not None and self._spare.is_ready and not self._spare.is_gone

    @property
    def is_warming(self) -> bool:
        """Whether a worker is importing its libraries."""
        return self._spare is not None and not self._spare.is_ready and not self._spare.is_gone

    def warm(self, runs: Iterable[Run]) -> None:
        """Have a spare unless there is one, there can be none, or it would slow ``runs`` that are under way."""
        if self._lent or (self._spare is not None and not self._spare.is_gone):
            return
        if (self.problem and time.monotonic() < self._retry_at) or not may_warm(runs):
            return
        try:
            self._spare = Spare(self._settled.emit)
        except OSError as error:
            self._fail(f"it could not be started: {error}")
        self.changed.emit()

    def check_again(self) -> None:
        """Forget that it failed and start another one."""
        self.problem = ""
        self.warm(())
        self.changed.emit()

    def take(self) -> Spare | None:
        """Return the spare for a run that is submitted now; it is the caller's until it is given back."""
        spare, self._spare = self._spare, None
        self._lent += 1
        return spare

    def give_back(self, spare: Spare | None) -> None:
        """Take back what ``take`` returned, once the run has been submitted."""
        self._lent -= 1
        if spare is not None and not spare.is_gone:
            if self._spare is not None:
                self._spare.close()
            self._spare = spare
        self.changed.emit()

    def close(self) -> None:
        """Let the spare go; a run that it was given goes on."""
        if self._spare is not None:
            self._spare.close()
            self._spare = None

    def _on_settled(self) -> None:
        spare = self._spare
        if spare is not None and spare.is_ready:
            self.found, self.problem = spare.found, ""
        elif spare is not None and not spare.is_given:
            self._fail(spare.problem or "it ended before it was ready")
        self.changed.emit()

    def _fail(self, problem: str) -> None:
        self.problem = problem
        # A machine that was out of breath may have recovered; one that lacks a library costs little by another try.
        self._retry_at = time.monotonic() + _RETRY_SECONDS
