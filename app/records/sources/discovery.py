"""What a folder holds: every source of runs that is found below it, without reading any of them."""

from __future__ import annotations

import os
import re
import sqlite3
import time
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from app.records.files import RecordError, read_bytes
from app.records.layout import PRIVATE, TRAININGS
from app.records.sources.base import Kind
from app.records.sources.comet_archive import is_archive
from app.records.sources.csv_log import is_log, may_be_log
from app.records.sources.wandb import is_run

Variant = Literal["", "files", "database"]

_DEPTH = 8
_MOST_FOLDERS = 20_000
_SECONDS = 10.0
#: How many of a folder's files of one kind are opened to see whether they are of that kind.
_MOST_TRIED = 50
#: Nobody's runs lie in these, and many folders do.
_PASSED_OVER = frozenset(["node_modules", "__pycache__", "site-packages", "venv", "env", PRIVATE])
#: What the folder that TensorBoard is to be started in is often called.
_LOGDIR_NAMES = frozenset(
    "events lightning_logs log logdir logs runs summaries tb tb_logs tensorboard tensorboard_logs tfevents".split()
)
_COMMON = re.compile(r"version_\d+|train(ing)?|val(idation)?|test|eval(uation)?", re.IGNORECASE)
_MLFLOW_RUN = re.compile(r"[0-9a-f]{32}")
_MLFLOW_EXPERIMENT = re.compile(rb"^experiment_id:", re.MULTILINE)
_MOST_META = 1 << 20
_DATABASES = (".db", ".sqlite", ".sqlite3")
_SQLITE = b"SQLite format 3\0"
_MLFLOW_TABLES = {"experiments", "runs", "metrics", "params"}
_EVENT_FILE = re.compile(r"^[^.].*tfevents\.\d.*(?<!\.profile-empty)$")
_EXECUTIONS = "executions"
_AIM = ".aim"


@dataclass(frozen=True, slots=True)
class FoundSource:
    """A source that was found; ``variant`` tells MLflow's "files" from its "database"."""

    kind: Kind
    root: Path
    variant: Variant = ""


@dataclass(frozen=True, slots=True)
class Discovery:
    """What was found: the sources in the order of their paths, and a sentence for all that is seen but not read."""

    sources: tuple[FoundSource, ...] = ()
    problems: tuple[str, ...] = ()


def find_sources(folder: Path, *, seconds: float = _SECONDS) -> Discovery:
    """Return what a folder holds; what was recognised is not looked into any further, and links are not followed.

    Args:
        folder: any folder, or one file that may be a source.
        seconds: after this time what was found until then is returned, and said to be that.
    """
    search = _Search(Path(os.path.abspath(folder.expanduser())), time.monotonic() + seconds)
    if search.root.is_file():
        search.look_at_file(search.root)
    elif search.root.is_dir():
        if not search.is_within_source():
            search.walk()
    else:
        search.problems.append(f"{search.root}: the folder is missing")
    return search.result()


@dataclass
class _Folder:
    """The names in a folder, links left out."""

    path: Path
    folders: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)


class _Search:
    def __init__(self, root: Path, deadline: float) -> None:
        self.root = root
        self.problems: list[str] = []
        self._deadline = deadline
        self._found: dict[FoundSource, None] = {}
        self._event_folders: list[Path] = []
        self._csv_folders: list[Path] = []

    def is_within_source(self) -> bool:
        """Whether the folder itself is a part of a source, or one run of it: then that source is what was found."""
        root = self.root
        trainings = _trainings_of(root)
        if trainings is not None:
            self._add("execution", trainings.parent)
        elif _is_experiment(root):
            self._add("mlflow", root.parent, "files")
        elif _is_mlflow_run(root) and _is_experiment(root.parent):
            self._add("mlflow", root.parent.parent, "files")
        elif is_run(root):
            self._add("wandb", root)
        else:
            return False
        return True

    def walk(self) -> None:
        """Look through the folder, the nearest folders first."""
        waiting = [(self.root, 0)]
        for count, (path, depth) in enumerate(waiting):  # it grows meanwhile
            if count == _MOST_FOLDERS or time.monotonic() > self._deadline:
                left = f"{count:,} folders" if count == _MOST_FOLDERS else "the time for it was over"
                self.problems.append(f"{self.root}: not looked through to its end ({left}); open a folder within it")
                return
            folder = self._list(path)
            if folder is None or "pyvenv.cfg" in folder.files:
                continue
            inner = self._look_at(folder)
            if depth < _DEPTH:
                waiting += [(path / name, depth + 1) for name in inner if _is_looked_into(name)]

    def look_at_file(self, path: Path) -> None:
        """Look at one file."""
        name = path.name
        if _EVENT_FILE.search(name):
            self._add("tensorboard", path.parent)
        elif name.endswith(".wandb") and is_run(path.parent):
            self._add("wandb", path.parent)
        elif name.lower().endswith(".zip") and is_archive(path, otherwise=False):
            self._add("comet", path)
        elif _is_mlflow_database(path):
            self._add("mlflow", path, "database")
        elif may_be_log(name) and is_log(path):
            self._add("csv", path)
        else:
            self.problems.append(f"{path}: no runs of a kind that can be read")

    def result(self) -> Discovery:
        """Return what was found."""
        for root in _outermost(_logdir(path, self.root) for path in self._event_folders):
            self._add("tensorboard", root)
        for root in _outermost(_table_root(path, self.root) for path in self._csv_folders):
            self._add("csv", root)
        sources = sorted(self._found, key=lambda source: (source.root, source.kind))
        return Discovery(tuple(sources), tuple(self.problems))

    def _add(self, kind: Kind, root: Path, variant: Variant = "") -> None:
        self._found[FoundSource(kind, root, variant)] = None

    def _list(self, path: Path) -> _Folder | None:
        folder = _Folder(path)
        try:
            with os.scandir(path) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        folder.folders.append(entry.name)
                    elif entry.is_file(follow_symlinks=False):
                        folder.files.append(entry.name)
        except OSError as error:
            self.problems.append(f"{path}: {error.strerror or error}")
            return None
        folder.folders.sort()
        folder.files.sort()
        return folder

    def _look_at(self, folder: _Folder) -> list[str]:
        """Note what a folder is or has; return the folders in it that are still to be looked at."""
        path, inner = folder.path, folder.folders
        if _AIM in inner:
            self.problems.append(_about_aim(path))
        if _is_file_store(folder):
            self._add("mlflow", path, "files")
            return []
        self._look_at_files(folder)
        if TRAININGS in inner and _has_executions(path / TRAININGS):
            self._add("execution", path)
            inner = [name for name in inner if name != TRAININGS]
        runs = [name for name in inner if is_run(path / name)]
        if runs:
            self._add("wandb", path)
            inner = [name for name in inner if name not in runs]
        return inner

    def _look_at_files(self, folder: _Folder) -> None:
        path, names = folder.path, folder.files
        if any(map(_EVENT_FILE.search, names)):
            self._event_folders.append(path)
        if any(is_archive(path / name, otherwise=False) for name in _some(names, ".zip")):
            self._add("comet", path)
        for name in _some(names, *_DATABASES):
            if _is_mlflow_database(path / name):
                self._add("mlflow", path / name, "database")
        if any(is_log(path / name) for name in list(filter(may_be_log, names))[:_MOST_TRIED]):
            self._csv_folders.append(path)


def _is_looked_into(name: str) -> bool:
    return not name.startswith(".") and name not in _PASSED_OVER


def _some(names: list[str], *suffixes: str) -> list[str]:
    return [name for name in names if name.lower().endswith(suffixes)][:_MOST_TRIED]


def _trainings_of(folder: Path) -> Path | None:
    """Return the folder of all trainings where this is it, one experiment in it, or one execution."""
    if folder.name == TRAININGS:
        found = folder
    elif folder.parent.name == TRAININGS and (folder / _EXECUTIONS).is_dir():
        found = folder.parent
    else:
        found = folder.parent.parent.parent
        if folder.parent.name != _EXECUTIONS or found.name != TRAININGS:
            return None
    return found if _has_executions(found) else None


def _has_executions(trainings: Path) -> bool:
    try:
        with os.scandir(trainings) as entries:
            return any(os.path.isdir(f"{entry.path}/{_EXECUTIONS}") for entry in entries)
    except OSError:
        return False


def _is_file_store(folder: _Folder) -> bool:
    """Whether a folder is a file store of MLflow: by its experiments, or by its name where their files are lost."""
    inner = (folder.path / name for name in folder.folders[:_MOST_TRIED])
    if folder.path.name == "mlruns":
        return any(_is_experiment(path) or _has_mlflow_runs(path) for path in inner)
    return any(_is_experiment(path) for path in inner)


def _is_experiment(path: Path) -> bool:
    """Whether a folder is an experiment of a file store: its meta.yaml tells, as a run's and a model's do not."""
    try:
        text = read_bytes(path / "meta.yaml", _MOST_META)
    except RecordError:
        return False
    return _MLFLOW_EXPERIMENT.search(text) is not None and b"artifact_location:" in text


def _has_mlflow_runs(path: Path) -> bool:
    try:
        with os.scandir(path) as entries:
            return any(_is_mlflow_run(Path(entry.path)) for entry in list(entries)[:_MOST_TRIED])
    except OSError:
        return False


def _is_mlflow_run(path: Path) -> bool:
    if _MLFLOW_RUN.fullmatch(path.name) is None:
        return False
    return any((path / name).exists() for name in ("meta.yaml", "metrics", "params"))


def _is_mlflow_database(path: Path) -> bool:
    if not path.name.lower().endswith(_DATABASES):
        return False
    try:
        with open(path, "rb") as file:
            if file.read(len(_SQLITE)) != _SQLITE:
                return False
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=1.0)) as connection:
            rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    except (OSError, ValueError, sqlite3.Error):
        return False
    return {row[0] for row in rows} >= _MLFLOW_TABLES


def _logdir(path: Path, root: Path) -> Path:
    """Return the folder that TensorBoard would be started in to see these event files among others."""
    names = path.relative_to(root).parts
    for count, name in enumerate(names, 1):
        if name.lower() in _LOGDIR_NAMES:
            return root.joinpath(*names[:count])
    return root.joinpath(*names[:1]) if len(names) > 1 else root


def _table_root(path: Path, root: Path) -> Path:
    """Return the folder of a table's folder where that is one of several runs, as ``version_0`` is."""
    return path.parent if path != root and _COMMON.fullmatch(path.name) else path


def _outermost(paths: Iterable[Path]) -> list[Path]:
    """Return the paths that lie in no other of them."""
    found: list[Path] = []
    for path in sorted(set(paths)):
        if not any(path.is_relative_to(other) for other in found):
            found.append(path)
    return found


def _about_aim(path: Path) -> str:
    """Return what can be done with a repository of Aim, whose database only Aim reads."""
    return (
        f"{path / _AIM}: only Aim reads its repositories. To export this one as csv, run in {path}, with Aim there: "
        "import aim; [metric.dataframe().to_csv(f'{run.hash}-{metric.name}.csv') for run in aim.Repo('.').iter_runs() "
        "for metric in run.metrics()]"
    )
