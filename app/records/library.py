"""Every run of a workspace: its own executions, those of other programs in its folder, and those of added folders."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from app.records.files import RecordError
from app.records.index import Index, Indexer, Progress
from app.records.layout import Workspace
from app.records.series import Points
from app.records.sources.base import Kind, Medium, RunAddress, Source
from app.records.sources.comet import CometArchives
from app.records.sources.csv_log import CsvLogs
from app.records.sources.discovery import FoundSource, find_sources
from app.records.sources.executions import Executions
from app.records.sources.external import ExternalSources
from app.records.sources.mlflow_database import MLflowDatabase
from app.records.sources.mlflow_files import MLflowFiles
from app.records.sources.tensorboard import TensorBoardSource
from app.records.sources.wandb import WandbRuns

__all__ = ["OWN", "Library", "RunAddress", "SourcePlace", "execution_path", "open_source", "source_name"]

#: The source of the workspace's own executions.
OWN = "execution:."
#: What was read of large event files, below the workspace's private folder.
_CACHE = "events"
#: Runs are read for so long before they are written: a shorter slice changes the same parts of the index more often,
#: a longer one lets a person wait for the first rows (seconds).
SLICE_SECONDS = 0.5
#: How long the search for sources in one folder may take (seconds).
_SEARCH_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class SourcePlace:
    """A source of a workspace.

    Attributes:
        name: what the index knows it by: its kind and its path, relative to the workspace where it lies in it.
        kind: what its runs are.
        root: its folder or file.
        folder: the added folder that it was found in, None for what lies in the workspace.
    """

    name: str
    kind: Kind
    root: Path
    folder: Path | None = None


class Library:
    """The runs of a workspace by their index, and the sources that the index is made of.

    Nothing is looked at before it is asked for. One thread at a time may use it; each has its own.

    Args:
        workspace: the workspace.
        memory: keep the index in memory. So is what cannot be written to the workspace.

    Attributes:
        index: the index.
        places: the sources by their name, as ``search`` found them.
        problems: what the search saw and could not use, a sentence each.
    """

    def __init__(self, workspace: Workspace, *, memory: bool = False) -> None:
        self._workspace = workspace
        self.index = Index(workspace, memory=memory)
        self._cache = workspace.private / _CACHE if self.index.is_kept else None
        self.places: dict[str, SourcePlace] = {}
        self.problems: tuple[str, ...] = ()
        self._unseen: tuple[Path, ...] = ()
        self._sources: dict[str, Source] = {}

    def __enter__(self) -> Library:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the index."""
        self.index.close()

    def rebuild(self) -> None:
        """Throw away everything that was read; ``update`` reads it again.

        Raises:
            OSError: the index cannot be written.
        """
        self.index.rebuild()
        self._sources.clear()
        if self._cache is not None:
            shutil.rmtree(self._cache, ignore_errors=True)

    def search(self) -> None:
        """Look which sources there are: in the workspace and in each added folder. No run is read."""
        problems: list[str] = []
        unseen: list[Path] = []
        own = self._workspace.root
        places = {OWN: SourcePlace(OWN, "execution", own)}
        added: list[Path] = []
        try:
            added = ExternalSources(self._workspace).folders()
        except RecordError as error:
            problems.append(str(error))
        for folder in (own, *added):
            if not folder.exists():
                unseen.append(folder)
                if folder != own:
                    problems.append(f"{folder}: not there now; its runs are shown as they were last seen")
                continue
            found = find_sources(folder, seconds=_SEARCH_SECONDS)
            problems += found.problems
            for source in found.sources:
                name = source_name(source, own)
                places.setdefault(name, SourcePlace(name, source.kind, source.root, None if folder == own else folder))
        self.places, self.problems, self._unseen = places, tuple(problems), tuple(unseen)
        self._sources = {name: source for name, source in self._sources.items() if name in places}

    def update(self, slice_seconds: float = SLICE_SECONDS) -> Iterator[Progress]:
        """Search for sources and bring the index up to date with all of them, a slice at a time.

        Raises:
            OSError: the index cannot be written.
        """
        self.search()
        self.forget_lost()
        for name in self.places:
            yield from self.update_source(name, slice_seconds)

    def update_source(self, name: str, slice_seconds: float = SLICE_SECONDS) -> Iterator[Progress]:
        """Bring the index up to date with one source, a slice at a time.

        Raises:
            OSError: the index cannot be written.
        """
        yield from Indexer(self.index).update(name, self.source(name), slice_seconds)

    def forget_lost(self) -> None:
        """Take the sources out of the index that the last search has not found, unless their folder is away for now.

        Raises:
            OSError: the index cannot be written.
        """
        for name in self.index.sources():
            if name not in self.places and not self._is_away(name):
                self.index.forget(name)

    def source(self, name: str) -> Source:
        """Return a source by its name.

        Raises:
            KeyError: no source can have this name.
        """
        source = self._sources.get(name)
        if source is None:
            source = self._sources[name] = open_source(name, self._workspace, cached=self._cache is not None)
        return source

    def address(self, run: int) -> RunAddress:
        """Return where a run of the index is found.

        Raises:
            KeyError: there is no such run.
        """
        return RunAddress(*self.index.whereabouts(run))

    def series(self, run: int, metric: str) -> Points:
        """Return the points of a metric of a run in the order in which they were logged.

        Raises:
            KeyError: there is no such run or metric.
            RecordError: they cannot be read.
        """
        address = self.address(run)
        return self.source(address.source).series(address.key, metric)

    def media(self, run: int) -> list[Medium]:
        """Return what a run logged that is no number.

        Raises:
            KeyError: there is no such run.
        """
        address = self.address(run)
        return self.source(address.source).media(address.key)

    def _is_away(self, name: str) -> bool:
        _, root = _parse(name, self._workspace.root)
        return any(root.is_relative_to(folder) for folder in self._unseen)


_KINDS: Mapping[str, type[Source]] = {
    "execution": Executions,
    "mlflow-files": MLflowFiles,
    "mlflow-database": MLflowDatabase,
    "tensorboard": TensorBoardSource,
    "comet": CometArchives,
    "wandb": WandbRuns,
    "csv": CsvLogs,
}


def source_name(found: FoundSource, workspace: Path) -> str:
    """Return what a source is called in the index of a workspace."""
    kind = f"{found.kind}-{found.variant}" if found.variant else found.kind
    inside = found.root.is_relative_to(workspace)
    return f"{kind}:{found.root.relative_to(workspace).as_posix() if inside else found.root}"


def open_source(name: str, workspace: Workspace, *, cached: bool = True) -> Source:
    """Return a source of a workspace by its name; nothing is read yet.

    Args:
        name: its name.
        workspace: the workspace.
        cached: whether what was read of large files is kept in the workspace.

    Raises:
        KeyError: no source can have this name.
    """
    kind, root = _parse(name, workspace.root)
    if kind == "tensorboard":
        return TensorBoardSource(root, workspace.private / _CACHE if cached else None)
    return _KINDS[kind](root)


def execution_path(address: RunAddress, workspace: Workspace) -> Path | None:
    """Return the folder of a run that is an execution, of this workspace or of another one; None for any other run."""
    try:
        kind, root = _parse(address.source, workspace.root)
    except KeyError:
        return None
    return root / address.key if kind == "execution" else None


def _parse(name: str, workspace: Path) -> tuple[str, Path]:
    """Return kind and root of a source by its name.

    Raises:
        KeyError: no source can have this name.
    """
    kind, colon, place = name.partition(":")
    if not colon or kind not in _KINDS:
        raise KeyError(name)
    return kind, Path(os.path.normpath(workspace / place))
