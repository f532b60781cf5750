"""MLflow's file stores (``mlruns/``) of every version, read as they lie there.

Layout, from MLflow's ``store/tracking/file_store.py``: ``<experiment id>/meta.yaml``, beside it ``<run id>/`` with a
``meta.yaml`` of its own and the folders ``metrics``, ``params``, ``tags`` (a file each, "/" in a name is a folder) and
``artifacts``; deleted experiments lie in ``.trash``. ``models`` in the store is the model registry; ``models``,
``datasets``, ``traces`` and ``tags`` in an experiment are no runs.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from app.records.files import RecordError
from app.records.names import stays_inside
from app.records.series import Points
from app.records.sources.base import Kind, Medium, RecordUpdate, RunRecord, Scan, Source, Tail
from app.records.sources.mlflow_folder import (
    ARTIFACTS,
    META,
    RunFolder,
    is_current,
    read_file,
    read_meta,
    size_and_time,
    tell,
)
from app.records.sources.mlflow_media import ArtifactFolders, artifact_media
from app.records.sources.mlflow_metric import MetricTail, parse_points, parse_summary
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

_TRASH = ".trash"
#: In a store the model registry, in an experiment the models that its runs have made.
_MODELS = "models"
_NO_RUNS = frozenset([META, "tags", "datasets", "traces", _MODELS])
_TEXT_BYTES = 1 << 20
_METRIC_BYTES = 1 << 28
#: What a look at the store found in the folders of runs is good for reading them right after it.
_FRESH_SECONDS = 10.0
_MOST_FRESH = 5000


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
        self._experiments: dict[str, _Experiment] = {}
        self._folders = ArtifactFolders(root)
        self._fresh: dict[str, RunFolder] = {}
        self._fresh_until = 0.0

    def scan(self, known: Mapping[str, bytes]) -> Scan:
        """Look for runs that are new or changed; see :meth:`Source.scan`."""
        changed: dict[str, bytes] = {}
        seen: set[str] = set()
        problems: list[str] = []
        unread: list[str] = []
        self._folders.forget()
        self._fresh.clear()
        self._fresh_until = time.monotonic() + _FRESH_SECONDS
        for experiment in self._experiment_folders(problems, unread):
            folder = f"{self._base}/{experiment}"
            common = size_and_time(f"{folder}/{META}")
            try:
                with _opened(folder) as (prefix, parent):
                    for name in os.listdir(folder if parent is None else parent):
                        key = f"{experiment}/{name}"
                        stamp = known.get(key)
                        if stamp is not None and is_current(stamp, prefix + name, common, parent):
                            seen.add(key)
                        elif (run := self._run(key)) is not None:
                            seen.add(key)
                            changed[key] = run.stamp(common)
                            if len(self._fresh) < _MOST_FRESH:
                                self._fresh[key] = run
            except OSError as error:
                tell(problems, folder, error)
                unread.append(f"{experiment}/")
        kept = tuple(unread)
        gone = frozenset(key for key in known.keys() - seen if not key.startswith(kept))
        return Scan(changed, gone, some_of(problems))

    def read(self, key: str) -> RunRecord:
        """Return a run as its files tell it; see :meth:`Source.read`."""
        run = self._fresh.pop(key, None)
        if run is None or time.monotonic() > self._fresh_until:
            run = self.run_folder(key)
        problems: list[str] = []
        return self.record(key, run, _read_metrics(run, problems), problems)

    def run_folder(self, key: str) -> RunFolder:
        """Return what is in the folder of a run.

        Raises:
            KeyError: there is no such run.
        """
        run = self._run(key)
        if run is None:
            raise KeyError(key)
        return run

    def record(self, key: str, run: RunFolder, metrics: Mapping[str, MetricSummary], told: Sequence[str]) -> RunRecord:
        """Return what the files of a run tell, with these metrics; ``told`` is what is wrong with them."""
        where, _, run_id = key.rpartition("/")
        experiment = self._experiment(where)
        problems = [*experiment.problems, *run.problems]
        meta = run.meta
        tags = _read_texts(run, "tags", problems)
        params = _read_texts(run, "params", problems)
        named = meta.get("run_id") or meta.get("run_uuid") or run_id
        if named != run_id:
            problems.append(f"{run.path}/{META}: it names another run, {named[:40]}.")
        return RunRecord(
            source="mlflow",
            key=key,
            id=run_id,
            name=name_of(run_id, [meta.get("run_name"), meta.get("name")], tags),
            experiment=experiment.name,
            path=Path(run.path),
            state=state_of(meta.get("status", "RUNNING")) if meta else "",
            started=seconds_of(meta.get("start_time")),
            ended=seconds_of(meta.get("end_time")),
            params={name: param_of(text) for name, text in params.items()},
            tags=tags,
            metrics=metrics,
            artifacts=self._artifacts(key, run, meta.get("artifact_uri")),
            parent=tags.get("mlflow.parentRunId"),
            deleted=experiment.deleted or meta.get("lifecycle_stage") == "deleted",
            problems=some_of([*problems, *told]),
        )

    def series(self, key: str, metric: str) -> Points:
        """Return the points of a metric in the order of its file; see :meth:`Source.series`."""
        run = self._run(key)
        if run is None or metric not in run.files["metrics"]:
            raise KeyError(f"{key}: {metric}")
        path = f"{run.path}/metrics/{metric}"
        try:
            return parse_points(read_file(path, _METRIC_BYTES))[0]
        except FileNotFoundError as error:
            raise KeyError(f"{key}: {metric}") from error
        except OSError as error:
            raise RecordError(f"{path}: {error.strerror or error}") from error

    def follow(self, key: str) -> Tail:
        """See :meth:`Source.follow`: of metrics only the ends of their files are read."""
        return _RunTail(self, key)

    def media(self, key: str) -> list[Medium]:
        """Return the artifacts of a run, then those of the models that it made, after their names."""
        run = self._run(key)
        if run is None:
            raise KeyError(key)
        artifacts = self._artifacts(key, run, run.meta.get("artifact_uri"))
        found = [] if artifacts is None else list(artifact_media(artifacts))
        where, _, run_id = key.rpartition("/")
        for name, folder in self._models(where, run_id):
            found += artifact_media(folder, f"{name}/")
        return found

    def _models(self, where: str, run_id: str) -> Iterator[tuple[str, Path]]:
        """Yield the name of every model that a run made, with the folder of its files."""
        models = Path(f"{self._base}/{where}/{_MODELS}")
        try:
            names = [] if models.is_symlink() else sorted(os.listdir(models))
        except OSError:
            return
        for name in names:
            if stays_inside(name) and not (models / name).is_symlink():
                meta = read_meta(f"{models}/{name}", [])
                if meta.get("source_run_id") == run_id:
                    own = models / name / ARTIFACTS
                    yield meta.get("name") or name, self._folders.find(meta.get("artifact_location"), name) or own

    def _experiment_folders(self, problems: list[str], unread: list[str]) -> Iterator[str]:
        """Yield the folders of experiments below the root; what could not be looked at goes to the two lists."""
        for parent in ("", f"{_TRASH}/"):
            try:
                with os.scandir(f"{self._base}/{parent}") as entries:
                    folders = list(entries)
            except FileNotFoundError:
                continue
            except OSError as error:
                tell(problems, f"{self._base}/{parent}", error)
                unread.append(parent)
                continue
            for entry in folders:
                if not stays_inside(entry.name) or (not parent and entry.name in (_TRASH, _MODELS)):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    yield parent + entry.name
                elif entry.is_symlink() and entry.is_dir():
                    problems.append(f"{entry.path}: it is a symbolic link, which is not followed.")

    def _run(self, key: str) -> RunFolder | None:
        """Return what is in the folder of a run, None where there is no run."""
        where, _, name = key.rpartition("/")
        experiment = where.removeprefix(f"{_TRASH}/")
        if name in _NO_RUNS or not stays_inside(key) or experiment in ("", _TRASH) or "/" in experiment:
            return None
        if any(os.path.islink(f"{self._base}/{part}") for part in (key, where)):
            return None
        try:
            return RunFolder(f"{self._base}/{key}")
        except OSError:
            return None

    def _experiment(self, where: str) -> _Experiment:
        folder = f"{self._base}/{where}"
        stamp = size_and_time(f"{folder}/{META}")
        known = self._experiments.get(where)
        if known is None or known.stamp != stamp:
            problems: list[str] = []
            meta = read_meta(folder, problems)
            deleted = where.startswith(f"{_TRASH}/") or meta.get("lifecycle_stage") == "deleted"
            name = meta.get("name") or where.rpartition("/")[2]
            known = self._experiments[where] = _Experiment(stamp, name, deleted, tuple(problems))
        return known

    def _artifacts(self, key: str, run: RunFolder, uri: str | None) -> Path | None:
        """Return the run's own folder of artifacts, or the one that its URI names, if that lies in this store."""
        own = Path(f"{run.path}/{ARTIFACTS}") if run.has_artifacts else None
        if uri and not (own and uri.endswith(f"{key.removeprefix(f'{_TRASH}/')}/{ARTIFACTS}")):
            path = local_path(uri)
            if path is not None and path.is_absolute() and is_folder_within(path, self.root):
                return path
            return self._folders.find(uri, key.rpartition("/")[2]) or own
        return own


class _RunTail(Tail):
    """Follows one run: a look at what is not written costs one ``lstat`` for every file that can change."""

    def __init__(self, source: MLflowFiles, key: str) -> None:
        self._source, self._key = source, key
        self._stamp = b""
        self._record: RunRecord | None = None
        self._metrics: dict[str, MetricTail] = {}

    def look(self) -> RecordUpdate:
        """See :meth:`Tail.look`."""
        source, key = self._source, self._key
        common = size_and_time(f"{source.root}/{key.rpartition('/')[0]}/{META}")
        if self._stamp and is_current(self._stamp, f"{source.root}/{key}", common, None):
            return RecordUpdate()
        run = source.run_folder(key)
        problems: list[str] = []
        points = self._new_points(run, problems)
        starts_over = points is None
        if points is None:
            problems.clear()
            self._metrics.clear()
            points = self._new_points(run, problems) or []
        record = source.record(key, run, {}, problems)
        update = RecordUpdate(
            record if record != self._record else None,
            tuple((metric, new) for metric, new in points if len(new)),
            starts_over=starts_over,
        )
        self._stamp, self._record = run.stamp(common), record
        return update

    def _new_points(self, run: RunFolder, problems: list[str]) -> list[tuple[str, Points]] | None:
        """Return what was added to the metrics; None where one of them is gone or another one now."""
        names = run.files["metrics"]
        if not self._metrics.keys() <= set(names):
            return None
        found: list[tuple[str, Points]] = []
        for name in names:
            path = f"{run.path}/metrics/{name}"
            tail = self._metrics.setdefault(name, MetricTail(path))
            try:
                points = tail.look()
            except OSError as error:
                tell(problems, path, error)
                continue
            if points is None:
                return None
            found.append((name, points))
            if tail.bad:
                problems.append(f"{path}: {tail.bad} of its lines {'is' if tail.bad == 1 else 'are'} no point.")
        return found


@contextmanager
def _opened(folder: str) -> Iterator[tuple[str, int | None]]:
    """Open a folder, from which shorter paths are looked up faster; yield what its names begin with and its descriptor.

    Raises:
        OSError: it cannot be opened.
    """
    if os.stat not in os.supports_dir_fd:
        yield f"{folder}/", None
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        yield "", descriptor
    finally:
        os.close(descriptor)


def _read_texts(run: RunFolder, kind: str, problems: list[str]) -> dict[str, str]:
    texts: dict[str, str] = {}
    for name, path, data in _contents(run, kind, _TEXT_BYTES, problems):
        if len(data) == _TEXT_BYTES:
            problems.append(f"{path}: only its first {_TEXT_BYTES >> 20} MiB are read.")
        texts[name] = data.decode("utf-8", "replace")
    return texts


def _read_metrics(run: RunFolder, problems: list[str]) -> dict[str, MetricSummary]:
    metrics: dict[str, MetricSummary] = {}
    for name, path, data in _contents(run, "metrics", _METRIC_BYTES, problems):
        if len(data) == _METRIC_BYTES:
            problems.append(f"{path}: only its first {_METRIC_BYTES >> 20} MiB are read.")
        summary, bad = parse_summary(data)
        if bad:
            problems.append(f"{path}: {bad} of its lines {'is' if bad == 1 else 'are'} no point.")
        if summary is not None:
            metrics[name] = summary
        elif not bad:
            problems.append(f"{path}: it holds no point.")
    return metrics


def _contents(run: RunFolder, kind: str, limit: int, problems: list[str]) -> Iterator[tuple[str, str, bytes]]:
    """Yield (name, path, content) of the files of one kind; those that cannot be read are told."""
    for name in run.files[kind]:
        path = f"{run.path}/{kind}/{name}"
        try:
            yield name, path, read_file(path, limit)
        except OSError as error:
            tell(problems, path, error)
