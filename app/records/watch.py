"""Looking at a workspace, or at one run of it, again and again: each look tells what is new since the last."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from app.records.events import Event, parse_events
from app.records.files import MissingFileError, RecordError
from app.records.layout import ExecutionFolder, Workspace, subfolders
from app.records.live import LinesTail
from app.records.metrics import read_metrics
from app.records.runs import Run, is_execution, read_run
from app.records.series import POINT_DTYPE, Points, series_files
from app.records.status import Status
from app.records.tail import SeriesTail

#: How many runs are read before they are handed over.
_PORTION = 100
#: A run that has changed is looked at for this long even if it is over: its last files may still be on their way.
_SETTLING_SECONDS = 10.0
#: A folder this young that has no status.json yet is one that is being made, not one of an older system.
_MAKING_SECONDS = 3.0
#: What stands for the state of a file: its time of change in ns, its size; None while it is not there.
_Stamp = tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Changes:
    """What a look at a workspace found.

    Attributes:
        runs: those that are new or have changed, as they are now.
        removed: the folders of those that are gone.
        done: how many runs of this look have been read, ``total`` how many there are to read.
    """

    runs: tuple[Run, ...] = ()
    removed: tuple[Path, ...] = ()
    done: int = 0
    total: int = 0


class WorkspaceWatch:
    """Finds the runs of a workspace; afterwards only what may have changed is read again.

    A new run changes the time of its ``executions`` folder, so a look costs one stat an experiment and the reading of
    the runs that are under way. ``thorough`` also looks at the files of every run that is over.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._homes: dict[Path, int] = {}
        self._runs: dict[Path, Run] = {}
        self._stamps: dict[Path, tuple[_Stamp, _Stamp]] = {}
        self._settling: dict[Path, float] = {}

    def look(self, *, thorough: bool = False) -> Iterator[Changes]:
        """Yield what is new, in portions. What cannot be read is passed over or named in the run's problems."""
        new, removed = self._look_at_folders()
        for path in removed:
            self._runs.pop(path, None)
            self._stamps.pop(path, None)
            self._settling.pop(path, None)
        if removed:
            yield Changes(removed=tuple(removed))
        now = time.monotonic()
        self._settling = {path: until for path, until in self._settling.items() if until > now}
        again = [
            path for path, run in self._runs.items() if thorough or not run.status.is_over or path in self._settling
        ]
        portion: list[Run] = []
        total = len(new) + len(again)
        for done, path in enumerate([*again, *new], 1):
            run = self._read(path)
            if run is not None:
                portion.append(run)
            if len(portion) >= _PORTION:
                yield Changes(tuple(portion), done=done, total=total)
                portion = []
        if portion:
            yield Changes(tuple(portion), done=total, total=total)

    def look_at(self, path: Path) -> Changes:
        """Return what has changed of one run."""
        run = self._read(path)
        return Changes(() if run is None else (run,))

    def _look_at_folders(self) -> tuple[list[Path], list[Path]]:
        new: list[Path] = []
        removed: list[Path] = []
        homes = {path / "executions": path for path in subfolders(self._workspace.trainings)}
        for executions in list(self._homes):
            if executions not in homes:
                del self._homes[executions]
                removed += [path for path in self._runs if path.parent == executions]
        for executions in homes:
            try:
                changed = os.stat(executions).st_mtime_ns
            except OSError:
                continue
            if self._homes.get(executions) == changed:
                continue
            present = set(subfolders(executions))
            known = {path for path in self._runs if path.parent == executions}
            new += sorted(present - known, key=_by_date, reverse=True)
            removed += known - present
            # A folder that is made before its files is looked for again; so is one that changes within one tick.
            self._homes[executions] = changed if all(_is_made(ExecutionFolder(path)) for path in present) else 0
        return new, removed

    def _read(self, path: Path) -> Run | None:
        folder = ExecutionFolder(path)
        stamps = (_stamp(folder.status), _stamp(folder.metrics))
        known = self._runs.get(path)
        if known is not None and known.status.is_over and stamps == self._stamps.get(path):
            return None
        if known is None and not (_is_made(folder) and is_execution(folder)):
            return None
        run = read_run(folder, self._workspace)
        self._stamps[path] = stamps
        if run == known:
            return None
        self._runs[path] = run
        if time.time() - max((stamp[0] / 1e9 for stamp in stamps if stamp), default=0.0) < _SETTLING_SECONDS:
            self._settling[path] = time.monotonic() + _SETTLING_SECONDS
        return run


@dataclass(frozen=True, slots=True)
class RunUpdate:
    """What a look at one run found; the first look finds all that there is.

    Attributes:
        status: its state now.
        silent_seconds: seconds since the last sign of life where that is long ago, else None.
        events: new events.
        points: (metric, new points) of the series that have grown; per-batch ones are under ``BATCH_PREFIX``.
        is_gone: the folder is no more; everything else is as it was.
    """

    status: Status
    silent_seconds: float | None
    events: tuple[Event, ...] = ()
    points: tuple[tuple[str, Points], ...] = ()
    is_gone: bool = False


class RunWatch:
    """Follows one run, of whatever system and in whatever state: one way in for what goes on and what is past."""

    def __init__(self, folder: ExecutionFolder) -> None:
        self.folder = folder
        self._events = LinesTail(folder.events)
        self._tail = SeriesTail(folder, batches=True)
        self._last: RunUpdate | None = None

    @property
    def is_over(self) -> bool:
        """Whether the run has ended, so that a look finds nothing any more."""
        return self._last is not None and (self._last.status.is_over or self._last.is_gone)

    def look(self) -> RunUpdate | None:
        """Return what is new, None when nothing is."""
        first = self._last is None
        if not self.folder.path.is_dir():
            if self._last is None or self._last.is_gone:
                return None
            self._last = RunUpdate(self._last.status, None, is_gone=True)
            return self._last
        # The state is read before the rest: what is over has then written everything that is read here.
        run = read_run(self.folder, Workspace.around(self.folder.path), metrics=False)
        points = tuple(self._tail.new_arrays())
        if first and not points:
            points = _points_of_an_older_system(self.folder)
        update = RunUpdate(run.status, run.silent_seconds, tuple(parse_events(self._events.new_lines())), points)
        last, self._last = self._last, update
        same = last is not None and (last.status, last.silent_seconds) == (update.status, update.silent_seconds)
        return None if same and not update.events and not update.points else update


def _points_of_an_older_system(folder: ExecutionFolder) -> tuple[tuple[str, Points], ...]:
    """Return the values in metrics.json as points per epoch, where no series was ever written."""
    try:
        if series_files(folder.series):
            return ()
    except RecordError:
        return ()
    found = []
    with contextlib.suppress(MissingFileError, RecordError):
        for name, values in read_metrics(folder.metrics).items():
            known = [(epoch, np.nan, value) for epoch, value in enumerate(values, 1) if value is not None]
            if known:
                found.append((name, np.array(known, POINT_DTYPE)))
    return tuple(found)


def _is_made(folder: ExecutionFolder) -> bool:
    """Whether a folder has got the files that it is going to be known by."""
    if folder.status.exists():
        return True
    try:
        age = time.time() - os.stat(folder.path).st_mtime
    except OSError:
        return True
    return age > _MAKING_SECONDS or age < 0


def _by_date(path: Path) -> str:
    """Return what orders the names of executions, which begin with the time of day, by date and time."""
    clock, _, date = path.name.partition("__")
    return "-".join(reversed(date.split("-")[:3])) + clock


def _stamp(path: Path) -> _Stamp:
    try:
        stat = os.stat(path)
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size
