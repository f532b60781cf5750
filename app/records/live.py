"""A run seen from outside while it goes on: what its folder tells, refreshed as often as one likes."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from app.records.events import Event, parse_events
from app.records.files import RecordError
from app.records.layout import ExecutionFolder
from app.records.runs import observed_status
from app.records.status import Status, read_status
from app.records.tail import SeriesTail


class LinesTail:
    """Follows a text file that grows by lines; a line that is not complete yet waits."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._position = 0

    def new_lines(self) -> list[str]:
        """Return the complete lines that came since the last call; [] while there is no file."""
        try:
            with open(self._path, "rb") as file:
                if file.seek(0, os.SEEK_END) <= self._position:
                    return []
                file.seek(self._position)
                data = file.read()
        except OSError:
            return []
        complete = data.rfind(b"\n") + 1
        self._position += complete
        # Not splitlines: it also splits at characters that may stand within a line of JSON.
        return data[:complete].decode("utf-8", "replace").replace("\r\n", "\n").split("\n")[:-1]


class LiveRun:
    """A run that is followed.

    Attributes:
        status: its state, as far as it can be told when its keeper is gone.
        stage: the stage under way, "" between two.
        epoch: epochs finished.
        epochs: epochs asked for; 0 until fitting has begun.
        values: the last value of every metric per epoch.
    """

    def __init__(self, folder: ExecutionFolder) -> None:
        self.folder = folder
        self.status: Status = observed_status(read_status(folder.status), folder)
        self.stage = ""
        self.epoch = 0
        self.epochs = 0
        self.values: dict[str, float] = {}
        self._events = LinesTail(folder.events)
        self._tail = SeriesTail(folder, batches=False)

    def refresh(self) -> list[Event]:
        """Read what is new; return the new events."""
        with contextlib.suppress(RecordError):  # a status that is being replaced on Windows: the next look has it
            self.status = observed_status(read_status(self.folder.status), self.folder)
        events = list(parse_events(self._events.new_lines()))
        for event in events:
            self._take(event)
        for metric, points in self._tail.new_points():
            self.values[metric] = points[-1][2]
        return events

    @property
    def is_over(self) -> bool:
        """Whether the run has ended."""
        return self.status.is_over

    @property
    def is_kept(self) -> bool:
        """Whether its keeper still lives, which closes mirrors after the end."""
        keeper = self.status.keeper
        return self.status.is_local and keeper is not None and keeper.is_alive()

    def _take(self, event: Event) -> None:
        kind = event["kind"]
        if kind == "stage_begin":
            self.stage = str(event.get("stage", ""))
            self.epochs = _count(event.get("epochs"), self.epochs)
        elif kind == "stage_end":
            self.stage = ""
        elif kind == "epoch_end":
            self.epoch = _count(event.get("epoch"), self.epoch)


def _count(value: object, otherwise: int) -> int:
    return value if isinstance(value, int) else otherwise
