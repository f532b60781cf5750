"""Runs in a logdir of TensorBoard: every folder with event files in it is one.

The event files of TensorFlow 1 and 2, PyTorch, tensorboardX and others are read without any of them. A run is called
as TensorBoard calls it, by its folder below the logdir; its experiment is the logdir. Its settings are those of the
hparams plugin and of the ``hparams.yaml`` that Lightning writes beside.

Event files do not tell whether a run goes on. One whose end the hparams plugin tells, with its time, is finished or
failed; else it is running as long as one of its files is being written, and afterwards its state is "".
"""

from __future__ import annotations

import hashlib
import os
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from app.records.files import RecordError
from app.records.series import Points
from app.records.sources.base import Medium, Param, RecordUpdate, RunRecord, Scan, Source, Tail
from app.records.sources.event_cache import EventCache
from app.records.sources.event_contents import Contents
from app.records.sources.event_file import EventFile, read_together
from app.records.sources.event_folder import EventFolder, is_event_file
from app.records.sources.event_tail import EventTail
from app.records.sources.foreign import id_of, is_growing
from app.records.sources.hparams import read_hparams_file
from app.records.summary import MetricSummary, summary_of

HPARAMS_FILE = "hparams.yaml"
CHECKPOINTS = "checkpoints"

#: Runs are read so many at a time where many are asked for.
_PORTION = 256
#: The record of the end of a session may be a little later than the end that it tells.
_LATE_SECONDS = 1.0
#: How much of what was read last is kept in memory.
_MEMORY_BYTES = 256 << 20


@dataclass(slots=True)
class _Run:
    """What is kept of a run while it may be asked for again."""

    folder: EventFolder
    summaries: dict[str, MetricSummary] = field(default_factory=dict)
    summed: list[Contents] = field(default_factory=list)
    memory: int = 0

    def metrics(self) -> dict[str, MetricSummary]:
        """Return the summary of every series; one that has not grown is not looked at again."""
        contents = self.folder.contents
        if len(contents) != len(self.summed) or any(a is not b for a, b in zip(contents, self.summed, strict=True)):
            self.summaries, self.summed = {}, contents
        for tag in self.folder.tags:
            points = self.folder.points(tag)
            known = self.summaries.get(tag)
            if known is None or known.count != len(points):
                found = summary_of(points["value"], points["step"])
                if found is not None:
                    self.summaries[tag] = found
        return dict(self.summaries)


class TensorBoardSource(Source):
    """The runs of a logdir.

    Folders and files that are links are not followed: what they lead to belongs elsewhere.

    Args:
        root: the logdir, absolute.
        cache: a folder of ours for what was read of large files, made when it is needed; None to keep nothing.
    """

    kind = "tensorboard"

    def __init__(self, root: Path, cache: Path | None = None) -> None:
        super().__init__(root)
        self._cache = None if cache is None else EventCache(cache)
        self._runs: OrderedDict[str, _Run] = OrderedDict()
        self._memory = 0

    def scan(self, known: Mapping[str, bytes]) -> Scan:
        """See :meth:`Source.scan`. A run that is not being written any more has changed, too."""
        stamps: dict[str, bytes] = {}
        unseen: list[str] = []
        problems: list[str] = []
        pending = [(str(self.root), "")]
        while pending:
            folder, prefix = pending.pop()
            try:
                with os.scandir(folder) as entries:
                    stamp, names = _look_at(list(entries), problems)
            except OSError as error:
                if prefix and isinstance(error, FileNotFoundError):
                    continue  # removed meanwhile
                problems.append(f"{folder}: {error.strerror or error}")
                if not isinstance(error, FileNotFoundError):
                    unseen.append(prefix)
                continue
            if stamp is not None:
                stamps[prefix[:-1] or "."] = stamp
            pending += [(os.path.join(folder, name), f"{prefix}{name}/") for name in names]
        changed = {key: stamp for key, stamp in stamps.items() if known.get(key) != stamp}
        gone = frozenset(key for key in known.keys() - stamps.keys() if not f"{key}/".startswith(tuple(unseen)))
        return Scan(changed, gone, tuple(problems))

    def read(self, key: str) -> RunRecord:
        """See :meth:`Source.read`."""
        return self._record(key, self._current(key))

    def read_many(self, keys: Sequence[str]) -> Iterator[RunRecord]:
        """See :meth:`Source.read_many`: small files are read many at once."""
        for begin in range(0, len(keys), _PORTION):
            portion = keys[begin : begin + _PORTION]
            new: list[EventFile] = []
            for key in portion:
                with suppress(KeyError):
                    new += self._look(key)
            read_together(new)
            for key in portion:
                with suppress(KeyError):
                    yield self._record(key, self._read_on(key))

    def series(self, key: str, metric: str) -> Points:
        """See :meth:`Source.series`."""
        return self._current(key).folder.points(metric)

    def media(self, key: str) -> list[Medium]:
        """See :meth:`Source.media`.

        The place of an image, a sound or a text is that of its bytes as they were encoded; that of a histogram or a
        table is the value of the summary (tensorflow/core/framework/summary.proto), which tells its own form.
        """
        try:
            return self._current(key).folder.media
        except KeyError:
            return []

    def follow(self, key: str) -> Tail:
        """See :meth:`Source.follow`."""
        return _RunTail(self.root, key, EventTail(self._path(key), self._cache))

    def _path(self, key: str) -> Path:
        """Return the folder of a run.

        Raises:
            KeyError: it would lie outside.
        """
        path = str(self.root)
        for part in () if key == "." else key.split("/"):
            path = os.path.join(path, part)
            if part in ("", ".", "..") or "\0" in part or os.path.basename(part) != part or os.path.islink(path):
                raise KeyError(key)
        return Path(path)

    def _current(self, key: str) -> _Run:
        """Return a run as it is now.

        Raises:
            KeyError: there is no such run any more.
        """
        self._look(key)
        return self._read_on(key)

    def _look(self, key: str) -> list[EventFile]:
        """Find the files of a run; return those that are new. One whose folder cannot be listed keeps what it had."""
        run = self._runs.get(key)
        if run is None:
            run = self._runs[key] = _Run(EventFolder(self._path(key), self._cache))
        self._runs.move_to_end(key)
        try:
            return run.folder.look()
        except OSError:
            return []

    def _read_on(self, key: str) -> _Run:
        if key not in self._runs:  # forgotten meanwhile, for others that are large
            self._look(key)
        run = self._runs[key]
        for file in run.folder.read_on():
            if self._cache is not None:
                self._cache.save(file)
        if not run.folder.files:
            self._memory -= self._runs.pop(key).memory
            raise KeyError(key)
        self._keep_within_memory(run)
        return run

    def _keep_within_memory(self, run: _Run) -> None:
        """Forget what was asked for longest ago, but never the run that was asked for last."""
        self._memory -= run.memory
        run.memory = run.folder.memory
        self._memory += run.memory
        while self._memory > _MEMORY_BYTES and len(self._runs) > 1:
            self._memory -= self._runs.popitem(last=False)[1].memory

    def _record(self, key: str, run: _Run) -> RunRecord:
        return _record(self.root, key, run.folder, _Settings.of(run.folder), run.metrics())


@dataclass(frozen=True, slots=True)
class _Settings:
    """What the settings' file beside the event files says, and what is wrong with it."""

    params: Mapping[str, Param] = field(default_factory=dict)
    problem: str = ""

    @classmethod
    def of(cls, folder: EventFolder) -> _Settings:
        """Read them."""
        if HPARAMS_FILE not in folder.names:
            return cls()
        try:
            return cls(read_hparams_file(folder.path / HPARAMS_FILE))
        except RecordError as error:
            return cls(problem=str(error))


class _RunTail(Tail):
    """Follows one run; while nothing is written, a look is one at the times of its files."""

    def __init__(self, root: Path, key: str, tail: EventTail) -> None:
        self._root, self._key, self._tail = root, key, tail
        self._settings = _Settings()
        self._settings_stamp: tuple[int, int] | None = None
        self._seen: object = None
        self._record: RunRecord | None = None
        self._media = -1

    def look(self) -> RecordUpdate:
        """See :meth:`Tail.look`."""
        changes = self._tail.look()
        folder = self._tail.folder
        if not folder.files:
            raise KeyError(self._key)
        stamp = _stamp_of(folder.path / HPARAMS_FILE)
        if stamp != self._settings_stamp:
            self._settings, self._settings_stamp = _Settings.of(folder), stamp
        seen = ([file.state for file in folder.files.values()], folder.is_active, stamp)
        if seen == self._seen and not changes.starts_over:
            return RecordUpdate()
        record = _record(self._root, self._key, folder, self._settings, {})
        media = sum(len(contents.media) for contents in folder.contents)
        update = RecordUpdate(
            record if record != self._record else None,
            changes.points,
            tuple(folder.media) if media != self._media or changes.starts_over else None,
            changes.starts_over,
        )
        self._seen, self._record, self._media = seen, record, media
        return update


def _record(
    root: Path, key: str, folder: EventFolder, settings: _Settings, metrics: Mapping[str, MetricSummary]
) -> RunRecord:
    session = folder.session
    first, last = folder.times
    checkpoints = folder.path / CHECKPOINTS
    # Some writers tell the end before anything was trained; what was logged later shows it.
    is_over = session.ended is not None and (last is None or last <= session.ended + _LATE_SECONDS)
    state = session.state if is_over else "running" if folder.is_active else ""
    return RunRecord(
        source=TensorBoardSource.kind,
        key=key,
        id=id_of(TensorBoardSource.kind, folder.path),
        name=root.name if key == "." else key,
        experiment=root.name,
        path=folder.path,
        state=state,
        started=first if session.started is None else session.started,
        ended=session.ended if is_over else None if state == "running" else last,
        params={**session.params, **settings.params},
        metrics=metrics,
        artifacts=checkpoints if CHECKPOINTS in folder.names and not checkpoints.is_symlink() else None,
        problems=(*folder.problems(), *filter(None, [settings.problem])),
    )


def _stamp_of(path: Path) -> tuple[int, int] | None:
    try:
        seen = os.stat(path)
    except OSError:
        return None
    return seen.st_mtime_ns, seen.st_size


def _look_at(entries: Sequence[os.DirEntry[str]], problems: list[str]) -> tuple[bytes | None, list[str]]:
    """Return the stamp of the run in a folder, None where there is none, and the names of the folders in it."""
    stamp = hashlib.blake2b(digest_size=16)
    is_run = False
    folders: list[str] = []
    for entry in sorted(entries, key=lambda each: each.name):
        is_folder = entry.is_dir(follow_symlinks=False)
        is_events = not is_folder and is_event_file(entry.name)
        if not (is_folder or is_events or entry.name == HPARAMS_FILE):
            continue
        shown = os.fsencode(entry.path).decode("utf-8", "backslashreplace")
        if shown != entry.path:
            problems.append(f"{shown}: not read, its name is no UTF-8")
        elif is_folder:
            folders.append(entry.name)
        elif entry.is_symlink():
            problems.append(f"{entry.path}: not read, it is a link")
        else:
            with suppress(FileNotFoundError):
                stat = entry.stat(follow_symlinks=False)
                active = is_events and is_growing(stat.st_mtime)
                stamp.update(repr((entry.name, stat.st_size, stat.st_mtime_ns, stat.st_ino, active)).encode())
                is_run |= is_events
    return (stamp.digest() if is_run else None), folders
