"""A run in a folder of event files, followed while another program writes it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from app.records.series import Points
from app.records.sources.event_cache import EventCache
from app.records.sources.event_contents import Contents
from app.records.sources.event_folder import EventFolder


@dataclass(frozen=True, slots=True)
class EventChanges:
    """What was logged in a run since the last look.

    Attributes:
        points: (metric, new points) of the series that have grown.
        starts_over: a file was replaced, cut or removed: what was told before does not hold, and the points are all
            that there are.
    """

    points: tuple[tuple[str, Points], ...] = ()
    starts_over: bool = False


class EventTail:
    """Follows a run in files that grow and that are added. It keeps nothing that it has told.

    Args:
        path: the folder with the event files.
        cache: where files are looked for that were read before.

    Attributes:
        folder: what was read by now, but for the points.
    """

    def __init__(self, path: Path, cache: EventCache | None = None) -> None:
        self._path = path
        self._cache = cache
        self.folder = EventFolder(path, cache)
        self._told: list[Contents] = []

    def look(self) -> EventChanges:
        """Read what is new; the first look tells all that there is. What cannot be read is as if it were not there."""
        self._read_on()
        starts_over = not {id(each) for each in self._told} <= {id(each) for each in self.folder.contents}
        if starts_over:
            self.folder = EventFolder(self._path, self._cache)
            self._read_on()
        self._told = self.folder.contents
        found: dict[str, list[Points]] = {}
        for contents in self._told:
            for tag, pieces in contents.series.items():
                if pieces:
                    found.setdefault(tag, []).extend(pieces)
                    pieces.clear()
        return EventChanges(tuple((tag, np.concatenate(pieces)) for tag, pieces in found.items()), starts_over)

    def _read_on(self) -> None:
        try:
            self.folder.look()
        except OSError:
            self.folder = EventFolder(self._path, self._cache)
        self.folder.read_on()
