"""MLflow's file stores (``mlruns/``) of every version, read as they lie there.

Layout, from MLflow's ``store/tracking/file_store.py``: ``<experiment id>/meta.yaml``, beside it ``<run id>/`` with a
``meta.yaml`` of its own and the folders ``metrics``, ``params``, ``tags`` (a file each, "/" in a name is a folder) and
``artifacts``; deleted experiments lie in ``.trash``. ``models`` in the store is the model registry; ``models``,
``datasets``, ``traces`` and ``tags`` in an experiment are no runs.
"""

from __future__ import annotations

import os
import re
from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import ClassVar

from app.records.files import RecordError
from app.records.names import stays_inside
from app.records.series import Points
from app.records.sources.base import Kind, RunRecord, Scan, Source
from app.records.sources.mlflow_meta import parse_meta
from app.records.sources.mlflow_metric import parse_points, parse_summary
from app.records.sources.mlflow_values import (
    is_folder_within,
    local_path,
    name_of,
    param_of,
    seconds_of,
    some_of,
    state_of,
)
from app.records.summary import MetricSummary

_META = "meta.yaml"
_TRASH = ".trash"
_REGISTRY = "models"
_NO_RUNS = frozenset([_META, "tags", "datasets", "traces", "models"])
_KINDS = ("metrics", "params", "tags")
_ARTIFACTS = "artifacts"
#: Tags that MLflow's client writes when a run begins, and never again.
_FIXED_TAGS = ("mlflow.user", "mlflow.source.")

_TEXT_BYTES = 1 << 20
_METRIC_BYTES = 1 << 30
_DIGEST_BYTES = 16
#: What stands for the bytes of a name that are no UTF-8.
_HALF = re.compile("[\ud800-\udfff]")
_MOST_SHAPES = 1000
_MOST_LISTINGS = 5000
#: A link is not followed, a named pipe not waited for.
_OPEN = os.O_RDONLY | sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY", "O_CLOEXEC"))


@dataclass(slots=True)
class _Listing:
    """What lies in the folder of a run: names there, and relative paths with "/" between their parts below it."""

    names: set[str] = field(default_factory=set)
    folders: list[str] = field(default_factory=list)
    files: dict[str, list[str]] = field(default_factory=lambda: {kind: [] for kind in _KINDS})
    problems: list[str] = field(default_factory=list)

    def watched(self) -> Iterator[str]:
        """Yield what tells that a run has changed, below its folder; an append to a file does not touch its folder."""
        if not self.names.issuperset([_META, *_KINDS, _ARTIFACTS]):
            yield ""
        if _META in self.names:
            yield f"/{_META}"
        yield from (f"/{folder}" for folder in self.folders)
        yield from (f"/metrics/{name}" for name in self.files["metrics"])
        yield from (f"/tags/{name}" for name in self.files["tags"] if not name.startswith(_FIXED_TAGS))


@dataclass(frozen=True, slots=True)
class _Experiment:
    """What the runs of an experiment take from it."""

    stamp: bytes
    name: str
    deleted: bool
    problems: tuple[str, ...]


class MLflowFiles(Source):
    """The runs of one file store, those that were deleted in MLflow among them. No symbolic link in it is followed."""

    kind: ClassVar[Kind] = "mlflow"

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._base = str(root)
        self._shapes: dict[bytes, list[str]] = {}
        self._experiments: dict[str, _Experiment] = {}
        self._listings: dict[str, _Listing] = {}

    def scan(self, known: Mapping[str, bytes]) -> Scan:
        """Look for runs that are new or changed, one ``lstat`` for each of their files that can change.

        A stamp is a digest of sizes and times, then the names of what they belong to. Params are written once: a new
        one shows in the time of its folder.
        """
        changed: dict[str, bytes] = {}
        seen: set[str] = set()
        problems: list[str] = []
        unread: list[str] = []
        self._listings.clear()
        for experiment in self._experiment_folders(problems, unread):
            folder = f"{self._base}/{experiment}"
            try:
                names = os.listdir(folder)
            except OSError as error:
                _tell(problems, folder, error)
                unread.append(f"{experiment}/")
                continue
            common = _sizes_and_times(folder, [f"/{_META}"]) or b""
            for name in names:
                if name in _NO_RUNS:
                    continue
                key = f"{experiment}/{name}"
                stamp = known.get(key)
                if stamp is not None and self._is_current(key, common, stamp):
                    seen.add(key)
                    continue
                now = self._stamp(key, common)
                if now is not None:
                    seen.add(key)
                    if now != stamp:
                        changed[key] = now
        kept = tuple(unread)
        gone = frozenset(key for key in known.keys() - seen if not key.startswith(kept))
        return Scan(changed, gone, some_of(problems))

    def read(self, key: str) -> RunRecord:
        """Return a run as its files tell it; see :meth:`Source.read`."""
        listing = self._listings.pop(key, None) or self._list(key)
        if listing is None:
            raise KeyError(key)
        where, _, run_id = key.rpartition("/")
        folder = f"{self._base}/{key}"
        experiment = self._experiment(where)
        problems = [*experiment.problems, *listing.problems]
        meta = _read_meta(folder, problems)
        tags = _read_texts(f"{folder}/tags", listing.files["tags"], problems)
        params = _read_texts(f"{folder}/params", listing.files["params"], problems)
        for field_name in ("run_id", "run_uuid"):
            if meta.get(field_name, run_id) != run_id:
                problems.append(f"{folder}/{_META}: it names another run, {meta[field_name]}.")
                break
        return RunRecord(
            source="mlflow",
            key=key,
            id=run_id,
            name=name_of(run_id, [meta.get("run_name"), meta.get("name")], tags),
            experiment=experiment.name,
            path=Path(folder),
            state=state_of(meta.get("status", "RUNNING")) if meta else "",
            started=seconds_of(meta.get("start_time")),
            ended=seconds_of(meta.get("end_time")),
            params={name: param_of(text) for name, text in params.items()},
            tags=tags,
            metrics=_read_metrics(f"{folder}/metrics", listing.files["metrics"], problems),
            artifacts=self._artifacts(key, listing, meta.get("artifact_uri")),
            parent=tags.get("mlflow.parentRunId"),
            deleted=experiment.deleted or meta.get("lifecycle_stage") == "deleted",
            problems=some_of(problems),
        )

    def series(self, key: str, metric: str) -> Points:
        """Return the points of a metric in the order of its file; see :meth:`Source.series`."""
        listing = self._list(key)
        if listing is None or metric not in listing.files["metrics"]:
            raise KeyError(f"{key}: {metric}")
        path = f"{self._base}/{key}/metrics/{metric}"
        try:
            return parse_points(_read(path, _METRIC_BYTES))[0]
        except FileNotFoundError as error:
            raise KeyError(f"{key}: {metric}") from error
        except OSError as error:
            raise RecordError(f"{path}: {error.strerror or error}") from error

    def _experiment_folders(self, problems: list[str], unread: list[str]) -> Iterator[str]:
        """Yield the folders of experiments below the root; what could not be looked at goes to the two lists."""
        for parent in ("", f"{_TRASH}/"):
            try:
                with os.scandir(f"{self._base}/{parent}") as entries:
                    folders = list(entries)
            except FileNotFoundError:
                continue
            except OSError as error:
                _tell(problems, f"{self._base}/{parent}", error)
                unread.append(parent)
                continue
            for entry in folders:
                if not stays_inside(entry.name) or (not parent and entry.name in (_TRASH, _REGISTRY)):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    yield parent + entry.name
                elif entry.is_symlink() and entry.is_dir():
                    problems.append(f"{entry.path}: it is a symbolic link, which is not followed.")

    def _is_current(self, key: str, common: bytes, stamp: bytes) -> bool:
        names = stamp[_DIGEST_BYTES:]
        shape = self._shapes.get(names)
        if shape is None:
            if len(self._shapes) >= _MOST_SHAPES:
                self._shapes.clear()
            shape = self._shapes[names] = os.fsdecode(names).split("\0")
        now = _sizes_and_times(f"{self._base}/{key}", shape)
        return now is not None and _digest(now + common) == stamp[:_DIGEST_BYTES]

    def _stamp(self, key: str, common: bytes) -> bytes | None:
        """Return the stamp of a run, None for what is no run."""
        listing = self._list(key)
        if listing is None:
            return None
        if len(self._listings) < _MOST_LISTINGS:
            self._listings[key] = listing
        shape = list(listing.watched())
        now = _sizes_and_times(f"{self._base}/{key}", shape)
        # What vanished meanwhile leaves a stamp that no later look agrees with.
        return (_digest(now + common) if now is not None else bytes(_DIGEST_BYTES)) + os.fsencode("\0".join(shape))

    def _list(self, key: str) -> _Listing | None:
        """Return what lies in the folder of a run, None where there is none."""
        where, _, name = key.rpartition("/")
        experiment = where.removeprefix(f"{_TRASH}/")
        if not stays_inside(key) or experiment in ("", _TRASH) or "/" in experiment or name in _NO_RUNS:
            return None
        folder = f"{self._base}/{key}"
        listing = _Listing()
        if os.path.islink(folder) or os.path.islink(f"{self._base}/{where}"):
            return None
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    is_usable = entry.is_file if entry.name == _META else entry.is_dir
                    if is_usable(follow_symlinks=False):
                        listing.names.add(entry.name)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            _tell(listing.problems, folder, error)
            return listing
        if _META not in listing.names and listing.names.isdisjoint(_KINDS):
            return None
        for kind in _KINDS:
            if kind in listing.names:
                _walk(folder, kind, listing)
        return listing

    def _experiment(self, where: str) -> _Experiment:
        folder = f"{self._base}/{where}"
        stamp = _sizes_and_times(folder, [f"/{_META}"]) or b""
        known = self._experiments.get(where)
        if known is None or known.stamp != stamp:
            problems: list[str] = []
            meta = _read_meta(folder, problems)
            deleted = where.startswith(f"{_TRASH}/") or meta.get("lifecycle_stage") == "deleted"
            name = meta.get("name") or where.rpartition("/")[2]
            known = self._experiments[where] = _Experiment(stamp, name, deleted, tuple(problems))
        return known

    def _artifacts(self, key: str, listing: _Listing, uri: str | None) -> Path | None:
        """Return the run's own folder of artifacts, or the one that its URI names, if that lies in this store."""
        own = Path(f"{self._base}/{key}/{_ARTIFACTS}") if _ARTIFACTS in listing.names else None
        # Stores are moved: a URI that ends as this run's does means the folder beside it.
        if uri and not (own and uri.endswith(f"{key.removeprefix(f'{_TRASH}/')}/{_ARTIFACTS}")):
            path = local_path(uri)
            if path is not None and path.is_absolute() and is_folder_within(path, self.root):
                return path
        return own


def _sizes_and_times(folder: str, names: Iterable[str]) -> bytes | None:
    """Return the time of change in ns and the size of files, None when one cannot be looked at."""
    numbers = array("q")
    lstat = os.lstat
    try:
        for name in names:
            status = lstat(folder + name)
            numbers.append(status.st_mtime_ns)
            numbers.append(status.st_size)
    except (OSError, OverflowError):
        return None
    return numbers.tobytes()


def _digest(data: bytes) -> bytes:
    return blake2b(data, digest_size=_DIGEST_BYTES).digest()


def _walk(folder: str, kind: str, listing: _Listing) -> None:
    """List the files below a folder of a run; their names are the paths from there."""
    files = listing.files[kind]
    waiting = [kind]
    while waiting:
        below = waiting.pop()
        listing.folders.append(below)
        prefix = f"{below}/".removeprefix(f"{kind}/")
        try:
            with os.scandir(f"{folder}/{below}") as entries:
                for entry in entries:
                    name = entry.name
                    if not name.isascii() and _HALF.search(name):
                        listing.problems.append(f"{folder}/{below}: a name in it is no text.")
                    elif entry.is_file(follow_symlinks=False):
                        files.append(prefix + name)
                    elif entry.is_dir(follow_symlinks=False):
                        waiting.append(f"{below}/{name}")
                    else:
                        listing.problems.append(f"{entry.path}: it is neither a file nor a folder.")
        except OSError as error:
            _tell(listing.problems, f"{folder}/{below}", error)


def _read(path: str, limit: int) -> bytes:
    """Return at most the first ``limit`` bytes of a file.

    Raises:
        OSError: it cannot be read.
    """
    descriptor = os.open(path, _OPEN)
    try:
        data = os.read(descriptor, 1 << 16)
        if len(data) < 1 << 16:
            return data
        parts = [data]
        size = len(data)
        while size < limit and (data := os.read(descriptor, min(limit - size, 1 << 24))):
            parts.append(data)
            size += len(data)
        return b"".join(parts)
    finally:
        os.close(descriptor)


def _read_meta(folder: str, problems: list[str]) -> dict[str, str]:
    path = f"{folder}/{_META}"
    try:
        meta = parse_meta(_read(path, _TEXT_BYTES).decode("utf-8", "replace"))
    except OSError as error:
        _tell(problems, path, error)
        return {}
    if not meta:
        problems.append(f"{path}: it is no mapping of names and values.")
    return meta


def _read_texts(folder: str, names: Iterable[str], problems: list[str]) -> dict[str, str]:
    texts: dict[str, str] = {}
    for name in names:
        path = f"{folder}/{name}"
        try:
            data = _read(path, _TEXT_BYTES)
        except OSError as error:
            _tell(problems, path, error)
            continue
        if len(data) == _TEXT_BYTES:
            problems.append(f"{path}: only its first {_TEXT_BYTES >> 20} MiB are read.")
        texts[name] = data.decode("utf-8", "replace")
    return texts


def _read_metrics(folder: str, names: Iterable[str], problems: list[str]) -> dict[str, MetricSummary]:
    metrics: dict[str, MetricSummary] = {}
    for name in names:
        path = f"{folder}/{name}"
        try:
            data = _read(path, _METRIC_BYTES)
        except OSError as error:
            _tell(problems, path, error)
            continue
        if len(data) == _METRIC_BYTES:
            problems.append(f"{path}: only its first {_METRIC_BYTES >> 30} GiB are read.")
        summary, bad = parse_summary(data)
        if bad:
            problems.append(f"{path}: {bad} of its lines {'is' if bad == 1 else 'are'} no point.")
        if summary is not None:
            metrics[name] = summary
        elif not bad:
            problems.append(f"{path}: it holds no point.")
    return metrics


def _tell(problems: list[str], path: str, error: OSError) -> None:
    problems.append(f"{path}: {error.strerror or error}")
