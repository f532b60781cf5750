"""Our own executions, and those of older systems with the same layout, as a source: docs/formats.md has the files."""

from __future__ import annotations

import os
import re
import stat
import struct
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from app.messages import BATCH_PREFIX
from app.records.files import MissingFileError, RecordError, read_bytes
from app.records.layout import LOG, STATUS, TRAININGS, ExecutionFolder, Workspace
from app.records.metrics import elapsed_in, metrics_in, read_metrics
from app.records.runs import has_settled, is_execution, observed_status, read_run, summarize_epochs
from app.records.series import POINT_DTYPE, Points, read_series, series_files
from app.records.sources.base import Kind, Medium, Param, RunRecord, Scan, Source, Tail
from app.records.sources.json_text import parse_json
from app.records.sources.media import files_below, logged_media
from app.records.sources.rereading import Rereading
from app.records.sources.settings import Settings, settings_of
from app.records.sources.surroundings import NOTHING, surroundings
from app.records.status import END_STATES, read_status
from app.records.summary import MetricSummary, summary_of

_EXECUTIONS = "executions"
#: A folder this young without status.json is being made, not one of an older system (ns).
_MAKING = 3_000_000_000
#: Two changes within one tick of a file system's clock look like one: what is younger is looked at once more (ns).
_TICK = 2_000_000_000
#: The time of the folder, of experiment.json; the time, size and number of status.json.
_STAMP = struct.Struct("<qqqqQ")
_NO_FILE = (0, -1, 0)
_STATE = re.compile(rb'"state"\s*:\s*"(\w+)"')
_OVER = frozenset(state.encode() for state in END_STATES)


class Executions(Source):
    """The executions below the ``trainings`` folder of a workspace.

    A run that is over keeps its stamp as long as no file of it is replaced; one that is not is looked at every time.

    Args:
        root: the workspace.
    """

    kind: ClassVar[Kind] = "execution"

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._workspace = Workspace(root)

    def scan(self, known: Mapping[str, bytes]) -> Scan:
        """Look what has changed: two stats for a run that is over."""
        found: dict[str, bytes] = {}
        present: set[str] = set()
        problems: list[str] = []
        now = time.time_ns()
        for experiment in self._list(TRAININGS, known, present, problems):
            home = f"{TRAININGS}/{experiment.name}"
            named = _time_of(f"{experiment.path}/experiment.json")
            for entry in self._list(f"{home}/{_EXECUTIONS}", known, present, problems):
                key = f"{home}/{_EXECUTIONS}/{entry.name}"
                before = known.get(key)
                try:
                    changed = entry.stat().st_mtime_ns
                    status = _status_of(entry.path)
                except OSError:
                    continue  # it went away meanwhile
                stamp = _STAMP.pack(changed, named, *status)
                if before != stamp:
                    age = now - max(changed, status[0])
                    more = self._look_closer(entry.path, before is None, status is _NO_FILE, age)
                    if more is None:
                        continue
                    stamp += more
                    if before != stamp:
                        found[key] = stamp
                present.add(key)
        return Scan(found, frozenset(known.keys() - present), tuple(problems))

    def read(self, key: str) -> RunRecord:
        """Return a run, without what people added to it, which is no part of its record."""
        return self._read(key, {})

    def read_many(self, keys: Sequence[str]) -> Iterator[RunRecord]:
        """Yield runs in the order of their keys, without those that are gone."""
        experiments: dict[str, str] = {}
        for key in keys:
            with suppress(KeyError):
                yield self._read(key, experiments)

    def _read(self, key: str, experiments: dict[str, str]) -> RunRecord:
        """Return a run; the names of experiments that are read are added to those that are known by their folder."""
        folder = self._folder(key)
        path = f"{self.root}/{key}"
        home = key.split("/")[1]
        if home not in experiments:
            experiments[home] = folder.experiment
        run = read_run(folder, self._workspace, experiment=experiments[home], metrics=False)
        problems = list(run.problems)
        metrics = _object(f"{path}/metrics.json", problems)
        config = _settings(path, problems)
        own = dict(config.params)
        own |= {f"elapsed.{stage}": seconds for stage, seconds in elapsed_in(metrics).items() if seconds}
        own |= _surroundings(f"{path}/environment.json", metrics.get("platform"), problems)
        status = run.status
        return RunRecord(
            source=self.kind,
            key=key,
            id=run.id,
            name=run.execution_id,
            experiment=run.experiment,
            path=folder.path,
            state=status.state,
            started=status.started,
            ended=status.ended,
            params=own,
            tags=config.tags,
            metrics=_summaries(folder, metrics, problems, settled=has_settled(status)),
            artifacts=folder.path,
            log=folder.log if _is_own(f"{path}/{LOG}", path) else None,
            parent=status.parent,
            problems=tuple(problems),
        )

    def series(self, key: str, metric: str) -> Points:
        """Return the points of a metric; where there is no series, the values per epoch of metrics.json, without time.

        Per-batch values are under :data:`app.messages.BATCH_PREFIX` and the metric's name.
        """
        folder = self._folder(key)
        path = series_files(folder.series).get(metric)
        if path is not None and _is_within(path, folder.path):
            try:
                return read_series(path)
            except MissingFileError:  # its name is there before it is
                return np.empty(0, POINT_DTYPE)
        try:
            values = read_metrics(folder.metrics)[metric]
        except MissingFileError as error:
            raise KeyError(metric) from error
        known = [(epoch, np.nan, value) for epoch, value in enumerate(values, 1) if value is not None]
        return np.array(known, POINT_DTYPE)

    def media(self, key: str) -> list[Medium]:
        """Return the images and the like that were logged, then the files."""
        folder = self._folder(key)
        media = list(logged_media(folder.path / "media"))
        for name in ("artifacts", "callbacks", "pipeline"):
            below = files_below(folder.path / name)
            media += (Medium("file", f"{name}/{path}", None, None, whole) for path, whole in below)
        if _is_own(str(folder.model), str(folder.path)):
            media.append(Medium("file", folder.model.name, None, None, folder.model))
        return media

    def follow(self, key: str) -> Tail:
        """See :meth:`Source.follow`. :class:`app.records.watch.RunWatch` tells more of it, its events too."""
        return Rereading(self, key, lambda: self._stamp(key))

    def _stamp(self, key: str) -> bytes | None:
        folder = str(self._folder(key).path)
        status = _status_of(folder)
        more = self._look_closer(folder, False, status is _NO_FILE, time.time_ns() - status[0])
        return None if more is None else repr(status).encode() + more

    def _list(
        self, folder: str, known: Mapping[str, bytes], present: set[str], problems: list[str]
    ) -> list[os.DirEntry[str]]:
        """Return the folders in a folder; when it cannot be read, what is known below it counts as present."""
        try:
            with os.scandir(self.root / folder) as entries:
                return [entry for entry in entries if entry.is_dir()]
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            problems.append(f"{self.root / folder}: {error.strerror or error}")
            present.update(key for key in known if key.startswith(f"{folder}/"))
            return []

    def _look_closer(self, path: str, is_new: bool, without_status: bool, age: int) -> bytes | None:
        """Return what a stamp needs beside the files' times; b"" for a run that is over, None for what is no run."""
        if without_status:
            folder = ExecutionFolder(Path(path))
            if is_new and not _has_run(folder) and (0 <= age < _MAKING or not is_execution(folder)):
                return None
            return b"old" + _sizes((folder.metrics, folder.log, folder.events))
        try:
            state = _STATE.search(read_bytes(f"{path}/{STATUS}"))
        except RecordError:
            return b"unreadable"
        if state is not None and state[1] in _OVER:
            return b"young" if 0 <= age < _TICK else b""
        folder = ExecutionFolder(Path(path))
        try:
            observed = observed_status(read_status(folder.status), folder).state
        except RecordError:
            return b"unreadable"
        return observed.encode() + _sizes((folder.metrics, *(whole for _, whole in files_below(folder.series))))

    def _folder(self, key: str) -> ExecutionFolder:
        match key.split("/"):
            case [trainings, experiment, executions, name] if (trainings, executions) == (TRAININGS, _EXECUTIONS):
                inside = not {"", ".", ".."} & {experiment, name} and "\0" not in key
                if inside and os.path.isdir(f"{self.root}/{key}"):
                    return ExecutionFolder(self.root / key)
        raise KeyError(key)


def _has_run(folder: ExecutionFolder) -> bool:
    """Whether a folder without status.json is of an older system for sure: ours have these files only after it."""
    return os.path.exists(folder.metrics) or os.path.exists(folder.log)


def _time_of(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0


def _status_of(path: str) -> tuple[int, int, int]:
    try:
        seen = os.stat(f"{path}/{STATUS}")
    except FileNotFoundError:
        return _NO_FILE
    return seen.st_mtime_ns, seen.st_size, seen.st_ino


def _sizes(paths: Any) -> bytes:
    """Return the sizes and times of files as one value; 0 for what is not there."""
    seen = 0
    for path in paths:
        try:
            state = os.stat(path)
        except OSError:
            continue
        seen = hash((seen, state.st_size, state.st_mtime_ns))
    return seen.to_bytes(8, "little", signed=True)


def _object(path: str, problems: list[str]) -> dict[str, Any]:
    """Return the object of a JSON file; {} where there is none, which is a problem only when there is a file."""
    try:
        value = parse_json(read_bytes(path))
    except MissingFileError:
        return {}
    except RecordError as error:
        problems.append(str(error))
        return {}
    except ValueError as error:
        problems.append(f"{path}: not valid JSON ({error})")
        return {}
    if not isinstance(value, dict):
        problems.append(f"{path}: expected a JSON object")
        return {}
    return value


def _settings(path: str, problems: list[str]) -> Settings:
    """Return what a run's config sets: the one with every default, or else the one that was submitted."""
    for name in ("config.resolved.json", "training_config.json"):
        try:
            return settings_of(read_bytes(f"{path}/{name}"))
        except MissingFileError:
            continue
        except RecordError as error:
            problems.append(str(error))
        except ValueError as error:
            problems.append(f"{path}/{name}: not valid JSON ({error})")
    return Settings()


def _surroundings(path: str, platform: Any, problems: list[str]) -> dict[str, Param]:
    try:
        return surroundings(read_bytes(path), platform)
    except MissingFileError:
        pass
    except RecordError as error:
        problems.append(str(error))
    except ValueError as error:
        problems.append(f"{path}: not valid JSON ({error})")
    return surroundings(NOTHING, platform)


def _summaries(
    folder: ExecutionFolder, content: dict[str, Any], problems: list[str], *, settled: bool
) -> dict[str, MetricSummary]:
    """Return the summary of every metric per epoch, from the file that is ahead: metrics.json once it is complete."""
    if not (settled and content):
        found = _series_summaries(folder, problems)
        if found or not content:
            return found
    try:
        return summarize_epochs(metrics_in(content, f"{folder.path}/metrics.json"))
    except RecordError as error:
        problems.append(str(error))
        return {}


def _series_summaries(folder: ExecutionFolder, problems: list[str]) -> dict[str, MetricSummary]:
    found = {}
    try:
        files = series_files(folder.series)
    except RecordError as error:
        problems.append(str(error))
        return {}
    for name, path in files.items():
        if name.startswith(BATCH_PREFIX) or not _is_within(path, folder.path):
            continue
        try:
            points = read_series(path)
        except MissingFileError:
            continue
        except RecordError as error:
            problems.append(str(error))
            continue
        summary = summary_of(points["value"], points["step"])
        if summary is not None:
            found[name] = summary
    return found


def _is_own(path: str, folder: str) -> bool:
    """Whether a file is there and, where it is a link, leads to another file of its folder."""
    try:
        is_link = stat.S_ISLNK(os.lstat(path).st_mode)
    except OSError:
        return False
    return not is_link or (os.path.exists(path) and _is_within(path, folder))


def _is_within(path: Path | str, folder: Path | str) -> bool:
    """Whether a path, once its links are followed, still lies in a folder."""
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))
