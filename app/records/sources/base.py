"""What every source of runs has in common: one value for a run, one for a series, one way to look for changes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

from app.records.series import Points
from app.records.summary import MetricSummary

Kind = Literal["execution", "mlflow", "tensorboard", "comet", "wandb", "csv"]
Param = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run as its reader found it.

    Attributes:
        source: the kind of the source that it was found in.
        key: what finds it again in its source: a path below the source's root with "/" between its parts, or an id.
        id: its own id where it has one, else a UUID (version 5) made of what does not change.
        name: what a person calls it.
        experiment: the name of what it belongs to, "" for none.
        state: queued, starting, running, paused, finished, stopped, failed, crashed, or "" where nothing tells it.
        started, ended: seconds since the epoch, UTC; None where unknown.
        params: settings by their name.
        tags: name to text; a plain tag has the text "".
        metrics: the summary of every metric by its own name.
        path: the folder or the file that holds it, absolute.
        artifacts: the folder or the archive with the files that it logged, None where there is none.
        log: its text log, None where there is none.
        parent: the id of the run that it is nested in.
        deleted: it was deleted in its own program, but is still there.
        problems: what could not be read, a sentence each that names the file.
    """

    source: Kind
    key: str
    id: str
    name: str
    experiment: str
    path: Path
    state: str = ""
    started: float | None = None
    ended: float | None = None
    params: Mapping[str, Param] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, MetricSummary] = field(default_factory=dict)
    artifacts: Path | None = None
    log: Path | None = None
    parent: str | None = None
    deleted: bool = False
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunAddress:
    """Where a run is found: the name of its source and its key there. It is the same after a restart."""

    source: str
    key: str


@dataclass(frozen=True, slots=True)
class Medium:
    """Something that a run logged and that is no number: an image, a histogram, a text, a sound, a file.

    Attributes:
        kind: image, histogram, text, audio, figure, table or file.
        name: the name that it was logged under.
        step: the step, None where there is none.
        time: seconds since the epoch, None where unknown.
        path: the file that holds it.
        offset, size: where in that file its bytes lie, for what lies inside another file; None for the whole file.
    """

    kind: str
    name: str
    step: int | None
    time: float | None
    path: Path
    offset: int | None = None
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Scan:
    """What a look at a source found.

    Attributes:
        changed: the stamps of runs that are new or have changed, by key.
        gone: keys that are not there any more.
        problems: what could not be looked at, a sentence each that names the file.
    """

    changed: Mapping[str, bytes]
    gone: frozenset[str] = frozenset()
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RecordUpdate:
    """What a look at one run found; the first look finds all that there is.

    Attributes:
        record: the run as it is now, without the summaries of its metrics; None where it is as it was.
        points: (metric, new points) of the series that have grown.
        media: all that it has logged that is no number; None where that is as it was.
        starts_over: a file was replaced, cut or removed: the points are all that there are, and those told before are
            none any more.
        is_gone: there is no such run any more; what was told stays as it was.
        problem: why nothing can be read now, "" where it can; with it nothing else is told.
    """

    record: RunRecord | None = None
    points: tuple[tuple[str, Points], ...] = ()
    media: tuple[Medium, ...] | None = None
    starts_over: bool = False
    is_gone: bool = False
    problem: str = ""

    def __bool__(self) -> bool:
        """Whether it tells anything."""
        told = (self.record, self.points, self.starts_over, self.is_gone, self.problem)
        return self.media is not None or any(told)


class Tail(ABC):
    """Follows one run, whoever writes it. It keeps no points that it has told."""

    @abstractmethod
    def look(self) -> RecordUpdate:
        """Return what is new since the last look. Where nothing is, that costs a look at the times of the run's files.

        Raises:
            KeyError: there is no such run any more. The tail is of no use then.
            RecordError, OSError: nothing can be read now.
        """


class Source(ABC):
    """Runs below one folder or in one file. Reading never writes there, and raises nothing because of what lies there.

    Methods may be called from any thread, one at a time.

    Args:
        root: the folder or file, absolute.
    """

    kind: ClassVar[Kind]

    def __init__(self, root: Path) -> None:
        self.root = root

    @abstractmethod
    def scan(self, known: Mapping[str, bytes]) -> Scan:
        """Look what has changed since an earlier look, reading as little as can be.

        Args:
            known: stamps by key, as earlier scans told them. A stamp is opaque: whatever lets this source see fast, in
                another process too, whether the run has changed (sizes and times of its files). {} the first time.
        """

    @abstractmethod
    def read(self, key: str) -> RunRecord:
        """Return a run; what cannot be read is named in its ``problems``.

        Raises:
            KeyError: there is no such run any more.
        """

    def read_many(self, keys: Sequence[str]) -> Iterator[RunRecord]:
        """Yield runs in the order of their keys, without those that are gone; sources may be faster than one by one."""
        for key in keys:
            try:
                yield self.read(key)
            except KeyError:
                continue

    @abstractmethod
    def series(self, key: str, metric: str) -> Points:
        """Return the points of a metric in the order they were logged (step, time, value), empty where there are none.

        Raises:
            KeyError: there is no such run or metric.
            RecordError: it cannot be read at all.
        """

    def media(self, key: str) -> list[Medium]:
        """Return what was logged that is no number."""
        return []

    @abstractmethod
    def follow(self, key: str) -> Tail:
        """Return what tells a run and then what is new of it. It may use this source: one thread at a time uses both.

        Raises:
            KeyError: no run can have this key.
        """
