"""Looking at the runs of a workspace that go on, or at one of them, again and again: each look tells what is new."""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from app.records.events import Event, parse_events
from app.records.files import MissingFileError, RecordError, read_bytes
from app.records.layout import ExecutionFolder, Workspace, subfolders
from app.records.live import LinesTail
from app.records.metrics import read_metrics
from app.records.runs import Run, is_execution, read_run
from app.records.series import POINT_DTYPE, Points, series_files
from app.records.status import Status
from app.records.tail import SeriesTail

#: A run that has changed is looked at for this long even if it is over: its last files may still be on their way.
_SETTLING_SECONDS = 10.0
#: A folder this young that has no status.json yet is one that is being made, not one of an older system.
_MAKING_SECONDS = 3.0
#: What stands for the state of a file: its time of change in ns, its size; None while it is not there.
_Stamp = tuple[int, int] | None
#: What status.json says of a run that nobody works for any more; a crash may still have to be written down.
_STATE = re.compile(rb'"state"\s*:\s*"(\w+)"')
_SETTLED = frozenset((b"finished", b"stopped", b"failed"))


@dataclass(frozen=True, slots=True)
class Changes:
    """What a look at a workspace found.

    Attributes:
        runs: those under way, and those that ended since they were, that are new or have changed, as they are now.
        removed: the folders of those of them that are gone.
        others: whether runs came or went that had ended before they were seen.
    """

    runs: tuple[Run, ...] = ()
    removed: tuple[Path, ...] = ()
    others: bool = False


class WorkspaceWatch:
    """Finds the runs of a workspace that are under way and follows them to their end; what is over it never reads.

    A new run changes the time of its ``executions`` folder, so a look costs one stat an experiment and the reading of
    the runs that are under way.

    Args:
        workspace: the workspace.
        known: the folders of runs that are known to be over, relative to the workspace with "/" between the parts;
            the others are opened once, to see whether they are.
    """

    def __init__(self, workspace: Workspace, known: Collection[str] = ()) -> None:
        self._workspace = workspace
        self._known = known
        self._homes: dict[Path, _Home] = {}
        self._runs: dict[Path, Run] = {}
        self._stamps: dict[Path, tuple[_Stamp, _Stamp]] = {}
        self._settling: dict[Path, float] = {}

    @property
    def has_found_any(self) -> bool:
        """Whether there is any run, over or not."""
        return any(home.names for home in self._homes.values())

    def look(self, *, thorough: bool = False) -> Changes:
        """Return what is new. What cannot be read is passed over or named in the run's problems.

        Args:
            thorough: look into every folder of executions, whatever its time says.
        """
        new, removed, others = self._look_at_folders(thorough)
        for path in removed:
            self._runs.pop(path)
            self._stamps.pop(path, None)
            self._settling.pop(path, None)
        now = time.monotonic()
        self._settling = {path: until for path, until in self._settling.items() if until > now}
        again = [path for path, run in self._runs.items() if not run.status.is_over or path in self._settling]
        runs = (self._read(path) for path in (*again, *new))
        return Changes(tuple(run for run in runs if run is not None), tuple(removed), others)

    def _look_at_folders(self, thorough: bool) -> tuple[list[Path], list[Path], bool]:
        """Return new runs to be read, runs that are gone, and whether others came or went."""
        new: list[Path] = []
        gone: set[Path] = set()
        others = False
        homes = {path / "executions" for path in subfolders(self._workspace.trainings)}
        for executions in self._homes.keys() - homes:
            gone.update(executions / name for name in self._homes.pop(executions).names)
        for executions in homes:
            try:
                changed = os.stat(executions).st_mtime_ns
            except OSError:
                continue
            home = self._homes.setdefault(executions, _Home())
            if home.changed == changed and not thorough:
                continue
            present = _names_in(executions)
            gone.update(executions / name for name in home.names - present)
            home.names &= present
            # A folder that is made before its files is looked for again; so is one that changes within one tick.
            home.changed = changed
            where = f"{executions.relative_to(self._workspace.root).as_posix()}/"
            for name in present - home.names:
                if where + name in self._known:
                    home.names.add(name)
                    continue
                folder = ExecutionFolder(executions / name)
                if not _is_made(folder):
                    home.changed = 0
                    continue
                home.names.add(name)
                if not is_execution(folder):
                    continue
                if _is_settled(folder):
                    others = True
                else:
                    new.append(folder.path)
        removed = [path for path in gone if path in self._runs]
        return sorted(new, key=_by_date, reverse=True), removed, others or len(gone) > len(removed)

    def _read(self, path: Path) -> Run | None:
        folder = ExecutionFolder(path)
        stamps = (_stamp(folder.status), _stamp(folder.metrics))
        known = self._runs.get(path)
        if known is not None and known.status.is_over and stamps == self._stamps.get(path):
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


@dataclass(slots=True)
class _Home:
    """A folder of executions: its time at the last look, 0 where that is to be repeated, and who was seen in it."""

    changed: int = 0
    names: set[str] = field(default_factory=set)


def _names_in(folder: Path) -> set[str]:
    try:
        with os.scandir(folder) as entries:
            return {entry.name for entry in entries if entry.is_dir()}
    except OSError:
        return set()


def _is_settled(folder: ExecutionFolder) -> bool:
    """Whether a run is over and nothing of its end is left to be done."""
    try:
        state = _STATE.search(read_bytes(folder.status))
    except MissingFileError:
        return True  # an older system's
    except RecordError:
        return False
    return state is not None and (state[1] in _SETTLED or (state[1] == b"crashed" and not folder.scratch.exists()))


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
