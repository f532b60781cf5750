"""Logs of numbers by step or epoch, as Keras' CSVLogger, Lightning's metrics.csv, fastai and others write them."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

from app.records.files import RecordError
from app.records.names import stays_inside
from app.records.series import Points
from app.records.sources.base import Kind, Param, RunRecord, Scan, Source, Tail
from app.records.sources.csv_table import Table, layout_of
from app.records.sources.foreign import id_of, is_growing, is_own_file, stamp_of
from app.records.sources.hparams import read_hparams_file
from app.records.sources.rereading import Rereading
from app.records.summary import summary_of

_SUFFIXES = (".csv", ".tsv", ".log", ".jsonl")
#: Detectron2 names its lines of JSON so.
_LINES_OF_JSON = "metrics.json"
#: Beside such a name the folder's says more.
_PLAIN_NAMES = frozenset(
    "metrics results result log logs history progress train training training_log train_log stats".split()
)
#: Where Lightning and Ultralytics put the settings of a run.
_SETTINGS = ("hparams.yaml", "args.yaml")
_MOST_FILES = 20_000
_MOST_KEPT = 8


def may_be_log(name: str) -> bool:
    """Whether a file of this name could be a log; only its content tells."""
    return name.lower().endswith(_SUFFIXES) or name == _LINES_OF_JSON


def is_log(path: Path) -> bool:
    """Whether a file is a table with a column that counts steps or epochs."""
    return path.is_file() and layout_of(path) is not None


class CsvLogs(Source):
    """The logs in a folder and in the folders in it, or one log.

    Args:
        root: the folder or the file.
    """

    kind: ClassVar[Kind] = "csv"

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._others: dict[str, bytes] = {}
        self._tables: OrderedDict[str, tuple[int, Table]] = OrderedDict()

    def scan(self, known: Mapping[str, bytes]) -> Scan:
        """Look for logs; only files that are new or have changed are opened."""
        changed: dict[str, bytes] = {}
        present: set[str] = set()
        problems: list[str] = []
        for count, key in enumerate(self._keys(problems)):
            if count == _MOST_FILES:
                problems.append(f"{self.root}: of its files only the first {_MOST_FILES:,} are looked at")
                break
            path = self._path(key)
            try:
                stamp = stamp_of(os.stat(path))
            except OSError:
                continue
            if known.get(key) == stamp:
                present.add(key)
            elif self._others.get(key) != stamp:
                if is_own_file(path, self.root) and (key in known or is_log(path)):
                    present.add(key)
                    changed[key] = stamp
                else:
                    self._others[key] = stamp
        return Scan(changed, frozenset(known.keys() - present), tuple(problems))

    def read(self, key: str) -> RunRecord:
        """Return a run."""
        path = self._file(key)
        problems: list[str] = []
        table = Table(path)
        try:
            table = self._table(key, path)
        except RecordError as error:
            problems.append(str(error))
        if table.broken:
            problems.append(f"{path}: {table.broken} line{'s' if table.broken > 1 else ''} cannot be read")
        if table.odd:
            problems.append(f"{path}: {table.odd} cell{'s' if table.odd > 1 else ''} among numbers are none")
        try:
            modified = os.stat(path).st_mtime
        except OSError as error:  # it went away meanwhile
            raise KeyError(key) from error
        growing = is_growing(modified)
        times = table.times
        summaries = {}
        for name in table.metrics:
            points = table.points(name)
            summary = summary_of(points["value"], points["step"])
            if summary is not None:
                summaries[name] = summary
        folder = path.parent
        return RunRecord(
            source=self.kind,
            key=key,
            id=id_of(self.kind, path),
            name=folder.name if path.stem.lower() in _PLAIN_NAMES and folder.name else path.stem,
            experiment=self.root.name if self.root != path else folder.name,
            path=path,
            state="running" if growing else "",
            started=times[0] if times else None,
            ended=None if growing else times[1] if times else modified,
            params=_params(folder, problems),
            metrics=summaries,
            problems=tuple(problems),
        )

    def series(self, key: str, metric: str) -> Points:
        """Return the points of a metric; a time is NaN where the table has none."""
        return self._table(key, self._file(key)).points(metric)

    def follow(self, key: str) -> Tail:
        """See :meth:`Source.follow`; a table is read on from where it ended."""
        return Rereading(self, key, lambda: stamp_of(os.stat(self._file(key))))

    def _keys(self, problems: list[str]) -> Iterator[str]:
        if self.root.is_file():
            yield self.root.name
            return
        for name in self._names(self.root, problems):
            if may_be_log(name):
                yield name
            elif not name.startswith("."):
                folder = self.root / name
                if folder.is_dir() and not folder.is_symlink():
                    for inner in self._names(folder, problems):
                        if may_be_log(inner):
                            yield f"{name}/{inner}"

    def _names(self, folder: Path, problems: list[str]) -> list[str]:
        try:
            return sorted(os.listdir(folder))
        except FileNotFoundError:
            return []
        except OSError as error:
            problems.append(f"{folder}: {error.strerror or error}")
            return []

    def _path(self, key: str) -> Path:
        return self.root if key == self.root.name and self.root.is_file() else self.root / key

    def _file(self, key: str) -> Path:
        path = self._path(key)
        if not stays_inside(key.replace("\\", "/")) or not is_own_file(path, self.root):
            raise KeyError(key)
        return path

    def _table(self, key: str, path: Path) -> Table:
        try:
            seen = os.stat(path)
        except OSError as error:
            raise RecordError(f"{path}: {error.strerror or error}") from error
        kept = self._tables.pop(key, None)
        table = kept[1] if kept is not None and kept[0] == seen.st_ino else Table(path)
        table.advance(growing=is_growing(seen.st_mtime))
        self._tables[key] = (seen.st_ino, table)
        while len(self._tables) > _MOST_KEPT:
            self._tables.popitem(last=False)
        return table


def _params(folder: Path, problems: list[str]) -> dict[str, Param]:
    for name in _SETTINGS:
        try:
            found = read_hparams_file(folder / name)
        except RecordError as error:
            problems.append(str(error))
        else:
            if found:
                return found
    return {}
