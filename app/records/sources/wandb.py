"""The folders that W&B leaves for its runs, ``wandb/offline-run-<time>-<id>`` and ``wandb/run-<time>-<id>``.

``run-<id>.wandb`` in them has it all (:mod:`app.records.sources.wandb_log`); where it is missing or broken,
``files/config.yaml`` and ``files/wandb-summary.json`` tell the config and the last values.
"""

from __future__ import annotations

import os
import re
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from app.records.files import MissingFileError, RecordError, number, read_json
from app.records.names import stays_inside
from app.records.series import POINT_DTYPE, Points
from app.records.sources.base import Kind, Medium, Param, RunRecord, Scan, Source, Tail
from app.records.sources.foreign import flat, id_of, is_growing, stamp_of
from app.records.sources.rereading import Rereading
from app.records.sources.wandb_log import WandbLog
from app.records.sources.yaml_file import read_yaml
from app.records.summary import MetricSummary, summary_of

#: A run's folder: "offline-" while it was not synchronized, the time of its start, its id.
RUN_FOLDER = re.compile(r"(?:offline-)?run-(?P<time>\d{8}_\d{6})-(?P<id>.+)")
_MOST_KEPT = 4
_KINDS = {
    "image-file": "image",
    "images/separated": "image",
    "audio-file": "audio",
    "html-file": "text",
    "table-file": "table",
    "plotly-file": "figure",
}
_TAG_FIELDS = {"group": "run_group", "job_type": "job_type", "notes": "notes", "sweep": "sweep_id"}
_METADATA = {"host": "host", "python": "python", "system": "os", "gpu": "gpu", "cores": "cpu_count"}


def is_run(folder: Path | str) -> bool:
    """Whether a folder is one of a run of W&B."""
    name = os.path.basename(folder)
    if RUN_FOLDER.fullmatch(name) is None:
        return False
    return _log_of(folder) is not None or os.path.isfile(f"{folder}/files/wandb-summary.json")


class WandbRuns(Source):
    """The runs in a ``wandb`` folder, or the one run of a run's folder.

    Args:
        root: that folder.
    """

    kind: ClassVar[Kind] = "wandb"

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._logs: OrderedDict[str, tuple[int, int, WandbLog]] = OrderedDict()

    def scan(self, known: Mapping[str, bytes]) -> Scan:
        """Look for runs: a stat for each, of its log."""
        changed: dict[str, bytes] = {}
        present: set[str] = set()
        try:
            names = [self.root.name] if is_run(self.root) else sorted(os.listdir(self.root))
        except FileNotFoundError:
            names = []
        except OSError as error:
            return Scan({}, problems=(f"{self.root}: {error.strerror or error}",))
        for name in names:
            if RUN_FOLDER.fullmatch(name) is None:
                continue
            folder = self._path(name)
            stamp = _stamp_of(folder)
            if stamp is None or (folder != self.root and folder.is_symlink()):
                continue
            present.add(name)
            if known.get(name) != stamp:
                changed[name] = stamp
        return Scan(changed, frozenset(known.keys() - present))

    def read(self, key: str) -> RunRecord:
        """Return a run."""
        folder = self._folder(key)
        problems: list[str] = []
        log = self._log(key, folder, problems)
        files = folder / "files"
        metadata = _object(files / "wandb-metadata.json", problems)
        config = log.config or _config_of(files / "config.yaml", problems)
        summary = log.summary or _object(files / "wandb-summary.json", problems)
        match = RUN_FOLDER.fullmatch(folder.name)
        run_id = log.run.get("run_id") or (match["id"] if match else "")
        ended = None if log.exit_code is None else _ended(log, folder)
        params = flat({name: value for name, value in config.items() if name != "_wandb"})
        return RunRecord(
            source=self.kind,
            key=key,
            id=run_id or id_of(self.kind, folder),
            name=log.run.get("display_name") or run_id or folder.name,
            experiment=log.run.get("project", ""),
            path=folder,
            state=_state_of(log),
            started=log.started,
            ended=ended,
            params=params | _surroundings(log, metadata),
            tags={
                **{name: log.run[field] for name, field in _TAG_FIELDS.items() if log.run.get(field)},
                **dict.fromkeys(log.tags, ""),
            },
            metrics=dict(_summaries(log, summary)),
            artifacts=files if _is_own(files) else None,
            log=files / "output.log" if _is_own(files) and _is_own(files / "output.log") else None,
            problems=tuple(problems),
        )

    def series(self, key: str, metric: str) -> Points:
        """Return the points of a metric; one that is in the summary alone has that one value, at the last step."""
        folder = self._folder(key)
        problems: list[str] = []
        log = self._log(key, folder, problems)
        if metric in log.metrics:
            return log.points(metric)
        summary = log.summary or _object(folder / "files" / "wandb-summary.json", problems)
        value = number(flat(summary).get(metric))
        if value is None:
            raise KeyError(metric)
        return np.array([(log.last_step, np.nan, value)], POINT_DTYPE)

    def media(self, key: str) -> list[Medium]:
        """Return the images, sounds and tables that were logged, as far as their files are there."""
        folder = self._folder(key)
        log = self._log(key, folder, [])
        found = []
        for name, step, when, description in log.media:
            kind = _KINDS.get(description["_type"], "file")
            paths = description.get("filenames") or [description.get("path")]
            for path in paths if isinstance(paths, list) else []:
                if isinstance(path, str) and stays_inside(path):
                    whole = folder / "files" / path
                    if whole.is_file() and os.path.realpath(whole).startswith(f"{os.path.realpath(folder)}{os.sep}"):
                        found.append(Medium(kind, name, step, None if np.isnan(when) else when, whole))
        return found

    def follow(self, key: str) -> Tail:
        """See :meth:`Source.follow`; a log is read on from where it ended."""
        return Rereading(self, key, lambda: _stamp_of(self._folder(key)))

    def _path(self, key: str) -> Path:
        return self.root if key == self.root.name and not (self.root / key).is_dir() else self.root / key

    def _folder(self, key: str) -> Path:
        if not stays_inside(key) or "/" in key:
            raise KeyError(key)
        folder = self._path(key)
        if not folder.is_dir() or (folder != self.root and folder.is_symlink()):
            raise KeyError(key)
        return folder

    def _log(self, key: str, folder: Path, problems: list[str]) -> WandbLog:
        """Return what the log tells by now, which is read on from where it was read to."""
        path = _log_of(folder)
        if path is None:
            problems.append(f"{folder}: its run-*.wandb is missing, so only the last values are known")
            return WandbLog(folder)
        try:
            seen = os.stat(path)
            kept = self._logs.pop(key, None)
            if kept is None or kept[0] != seen.st_ino or kept[1] > seen.st_size:
                kept = (seen.st_ino, 0, WandbLog(Path(path)))
            log = kept[2]
            self._logs[key] = (seen.st_ino, seen.st_size, log)
            while len(self._logs) > _MOST_KEPT:
                self._logs.popitem(last=False)
            log.advance()
        except RecordError as error:
            problems.append(str(error))
            return WandbLog(folder)
        except OSError as error:
            problems.append(f"{path}: {error.strerror or error}")
            return WandbLog(folder)
        if log.broken:
            problems.append(f"{path}: {log.broken} part{'s' if log.broken > 1 else ''} of it cannot be read")
        return log


def _log_of(folder: Path | str) -> str | None:
    """Return the path of a run's log; None where there is none."""
    try:
        with os.scandir(folder) as entries:
            return next(
                (e.path for e in entries if e.name.endswith(".wandb") and e.is_file(follow_symlinks=False)), None
            )
    except OSError:
        return None


def _is_own(path: Path) -> bool:
    return path.exists() and not path.is_symlink()


def _stamp_of(folder: Path) -> bytes | None:
    for path in (_log_of(folder), f"{folder}/files/wandb-summary.json", f"{folder}/files/config.yaml"):
        try:
            if path is not None:
                return stamp_of(os.stat(path))
        except OSError:
            continue
    return None


def _object(path: Path, problems: list[str]) -> dict[str, Any]:
    try:
        value = read_json(path)
    except MissingFileError:
        return {}
    except RecordError as error:
        problems.append(str(error))
        return {}
    return value if isinstance(value, dict) else {}


def _config_of(path: Path, problems: list[str]) -> dict[str, Any]:
    """Return the config of a config.yaml, in which every key has a description and a value."""
    try:
        content = read_yaml(path)
    except MissingFileError:
        return {}
    except RecordError as error:
        problems.append(str(error))
        return {}
    return {str(name): item["value"] for name, item in content.items() if isinstance(item, dict) and "value" in item}


def _state_of(log: WandbLog) -> str:
    if log.exit_code is not None:
        return "finished" if log.exit_code == 0 else "failed"
    try:
        # A run that goes on adds how busy the machine is every few seconds.
        return "running" if is_growing(os.stat(log.path).st_mtime) else "crashed"
    except OSError:
        return ""


def _ended(log: WandbLog, folder: Path) -> float | None:
    if log.started is not None and log.runtime is not None:
        return log.started + log.runtime
    return log.last_time or _modified(log.path)


def _modified(path: Path) -> float | None:
    try:
        return os.stat(path).st_mtime
    except OSError:
        return None


def _surroundings(log: WandbLog, metadata: dict[str, Any]) -> dict[str, Param]:
    found: dict[str, Any] = {name: metadata.get(key) for name, key in _METADATA.items()}
    found["host"] = found["host"] or log.run.get("host")
    git = metadata.get("git")
    found["commit"] = (git.get("commit") if isinstance(git, dict) else None) or log.run.get("commit")
    return {f"env.{name}": value for name, value in found.items() if value and isinstance(value, str | int | float)}


def _summaries(log: WandbLog, summary: dict[str, Any]) -> Iterator[tuple[str, MetricSummary]]:
    for name in log.metrics:
        points = log.points(name)
        found = summary_of(points["value"], points["step"])
        if found is not None:
            yield name, found
    for name, item in flat({name: value for name, value in summary.items() if not _is_file(value)}).items():
        value = number(item)
        if value is None or name.startswith("_") or name in log.metrics:
            continue
        found = summary_of([value], [log.last_step])
        if found is not None:
            yield name, found


def _is_file(value: Any) -> bool:
    return isinstance(value, dict) and "_type" in value
