"""The ways in which a training ends before its last epoch."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path


class TrainingError(Exception):
    """The run cannot go on. The text is for whoever wrote the config: what is wrong, where, what would be right."""


class DamagedDataError(TrainingError):
    """Data on disk cannot be read any further. ``path`` is its file."""

    def __init__(self, text: str, path: Path) -> None:
        super().__init__(text)
        self.path = path


class StopRequested(BaseException):
    """Somebody asked for the end of the run. No ``Exception``, so that no library takes it for a fault of its own."""


class Terminated(BaseException):
    """The operating system asked this process to end: save nothing more, close the record."""


class StopSwitch:
    """Set from the thread that hears commands, looked at by the training thread between batches and stages."""

    def __init__(self) -> None:
        self._requested = threading.Event()
        self.command = ""
        self.by = ""
        #: The count of finished optimizer steps, kept by whoever trains.
        self.step = 0
        #: Called on the training thread, with that count, when a wish is granted.
        self.on_granted: Callable[[int], None] = lambda step: None

    def request(self, command: str, by: str) -> None:
        """Ask for the end of the run; ``by`` says who asks, ``command`` is the id of what they sent."""
        self.command, self.by = command, by
        self._requested.set()

    def check(self) -> None:
        """Go on, or end.

        Raises:
            StopRequested: the end was asked for.
        """
        if self._requested.is_set():
            self.on_granted(self.step)
            raise StopRequested
