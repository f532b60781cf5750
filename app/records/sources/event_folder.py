"""The event files of one folder, which together are one run."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np

from app.records.series import POINT_DTYPE, Points
from app.records.sources.base import Medium
from app.records.sources.event_cache import WORTH_BYTES, EventCache
from app.records.sources.event_contents import Contents
from app.records.sources.event_file import EventFile
from app.records.sources.hparams import Session

_MOST_SENTENCES = 5


def is_event_file(name: str) -> bool:
    """Whether a file of this name holds events; the hidden ones are those that rsync has not finished."""
    return "tfevents" in name and not name.startswith(".") and not name.endswith(".profile-empty")


class EventFolder:
    """The event files of a folder, in the order of their names, which begin with the time that they were begun.

    Args:
        path: the folder.
        cache: where files are looked for that were read before.

    Attributes:
        path: the folder.
        files: those that are there, by their names.
        names: the names of all that is in the folder.
    """

    def __init__(self, path: Path, cache: EventCache | None = None) -> None:
        self.path = path
        self.files: dict[str, EventFile] = {}
        self.names: Collection[str] = ()
        self._cache = cache
        self._failures: list[str] = []

    def look(self) -> list[EventFile]:
        """Find the files that are there now; return those that are new.

        Raises:
            OSError: the folder is not there or cannot be read.
        """
        with os.scandir(self.path) as entries:
            there = {entry.name: entry for entry in entries}
        self.names = there.keys()
        found = {
            name: entry for name, entry in there.items() if is_event_file(name) and entry.is_file(follow_symlinks=False)
        }
        old = self.files
        self.files = {name: old.get(name) or EventFile(self.path / name) for name in sorted(found)}
        new = [file for name, file in self.files.items() if name not in old]
        if self._cache is not None:
            for file in new:
                if found[file.path.name].stat(follow_symlinks=False).st_size >= WORTH_BYTES:
                    self._cache.load(file)
        return new

    def read_on(self) -> list[EventFile]:
        """Read what is new in the files that were found; return those that had anything."""
        changed = []
        self._failures = []
        for name, file in list(self.files.items()):
            try:
                if file.update():
                    changed.append(file)
            except FileNotFoundError:
                del self.files[name]
            except OSError as error:
                self._failures.append(f"{file.path}: {error.strerror or error}")
        return changed

    @property
    def contents(self) -> list[Contents]:
        """What was read of each file."""
        return [file.contents for file in self.files.values()]

    @property
    def is_active(self) -> bool:
        """Whether one of the files is still being written."""
        return any(file.is_active for file in self.files.values())

    @property
    def memory(self) -> int:
        """How many bytes its points have."""
        return sum(len(points) for each in self.contents for pieces in each.series.values() for points in pieces) * (
            POINT_DTYPE.itemsize
        )

    @property
    def tags(self) -> list[str]:
        """The names of the series, in the order that they began in."""
        return list(dict.fromkeys(tag for contents in self.contents for tag in contents.series))

    def points(self, tag: str) -> Points:
        """Return the points of a series in the order they were logged.

        Raises:
            KeyError: there is no such series.
        """
        pieces = [contents.points(tag) for contents in self.contents if tag in contents.series]
        if not pieces:
            raise KeyError(tag)
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)

    @property
    def media(self) -> list[Medium]:
        """What was logged that is no number."""
        return [medium for contents in self.contents for medium in contents.media]

    @property
    def session(self) -> Session:
        """What the hparams plugin keeps of the run: the last that is told counts."""
        merged = Session()
        for contents in self.contents:
            found = contents.session
            merged.params.update(found.params)
            merged.started = found.started or merged.started
            # A run that was begun anew has not ended.
            if found.state or found.started:
                merged.state, merged.ended = found.state, found.ended
        return merged

    @property
    def times(self) -> tuple[float | None, float | None]:
        """When the first and the last record were logged, seconds since the epoch."""
        firsts = [each.first_time for each in self.contents if each.first_time is not None]
        lasts = [each.last_time for each in self.contents if each.last_time is not None]
        return min(firsts, default=None), max(lasts, default=None)

    def problems(self) -> Iterator[str]:
        """Yield what could not be read, a sentence each."""
        yield from self._failures
        for file in self.files.values():
            contents = file.contents
            for damage in contents.damages[:_MOST_SENTENCES]:
                yield f"{file.path}: what stands at byte {damage.offset} ({damage.size} bytes) {damage.fault}"
            more = contents.damage_count - _MOST_SENTENCES
            if more > 0:
                yield f"{file.path}: {more} more places could not be read"
            if file.rest and not file.is_active:
                yield f"{file.path}: the last {file.rest} bytes, from byte {contents.end} on, are no whole record"
