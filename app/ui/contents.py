"""What a workspace holds, counted: its experiments, the sources of runs of other programs. Read in the background."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from app.records.files import RecordError
from app.records.layout import Workspace, experiment_name, subfolders
from app.ui.runs.columns import UNDER_WAY
from app.ui.runs.scope import OWN

if TYPE_CHECKING:
    from app.records.index import Index, ValueColumn

#: What is below ``trackings/`` of an experiment, and the source that it is read as.
MIRRORS = {"tensorboard": "tensorboard", "mlruns": "mlflow", "comet": "comet"}


@dataclass(frozen=True, slots=True)
class SourceContents:
    """What is known of a source.

    Attributes:
        name: what the index calls it.
        kind: execution, mlflow, tensorboard, comet, wandb or csv.
        root: its folder or file.
        folder: the added folder that it lies in, None for the workspace itself.
        runs: how many runs it has; ``running``: how many of them go on; ``broken``: how many have problems.
        experiments: how many runs its experiments have, by name.
    """

    name: str
    kind: str
    root: Path
    folder: Path | None
    runs: int
    running: int
    broken: int
    experiments: dict[str, int]


@dataclass(frozen=True, slots=True)
class Contents:
    """What a workspace holds.

    Attributes:
        runs: how many runs the index has, of all sources.
        experiments: how many runs our experiments have, by name.
        sources: the sources but for our own executions.
        folders: the added folders.
        mirrors: the names of our experiments that have something in a tracker, by the tracker's source.
        configs: the config files.
        own: the folders of our runs that are counted, relative to the workspace.
    """

    runs: int = 0
    experiments: dict[str, int] = field(default_factory=dict)
    sources: tuple[SourceContents, ...] = ()
    folders: tuple[Path, ...] = ()
    mirrors: dict[str, tuple[str, ...]] = field(default_factory=dict)
    configs: tuple[Path, ...] = ()
    own: frozenset[str] = frozenset()


def read_contents(index: Index, workspace: Workspace) -> Contents:
    """Return what a workspace holds; what cannot be looked at counts as empty.

    Raises:
        OSError: the index cannot be used.
    """
    from app.records.query import Field
    from app.records.sources.external import ExternalSources

    try:
        folders = ExternalSources(workspace).folders()
    except RecordError:  # the process that indexes says it
        folders = []
    ids = index.query("run.deleted = false")
    fields = {name: Field("run", name) for name in ("origin", "experiment", "state", "problems", "path")}
    table = index.table(ids, list(fields.values()))
    columns = {name: table[each] for name, each in fields.items()}
    sources = list(_sources(columns, workspace.root, folders))
    own = next((each for each in sources if each.name == OWN), None)
    is_own = columns["origin"].having(lambda text: text == OWN)
    paths = columns["path"].take(np.flatnonzero(is_own))
    return Contents(
        len(ids),
        own.experiments if own is not None else {},
        tuple(each for each in sources if each.name != OWN),
        tuple(folders),
        _mirrors(workspace.trainings),
        tuple(_configs(workspace.root / "experiments")),
        frozenset(text for text in paths if isinstance(text, str)),
    )


def _sources(columns: dict[str, ValueColumn], workspace: Path, folders: list[Path]) -> Iterator[SourceContents]:
    from app.records.index.values import TEXT

    origins, experiments = columns["origin"], columns["experiment"]
    goes_on = columns["state"].having(lambda text: text in UNDER_WAY)
    for name in sorted(origins.texts):
        kind, _, place = name.partition(":")
        root = Path(os.path.normpath(workspace / place))
        here = origins.having(name.__eq__)
        if not here.any():
            continue
        column = experiments.take(np.flatnonzero(here))
        counts = np.bincount(column.codes[column.codes >= TEXT] - TEXT, minlength=len(column.texts)).tolist()
        yield SourceContents(
            name,
            kind.partition("-")[0],
            root,
            next((each for each in folders if root.is_relative_to(each)), None),
            int(here.sum()),
            int((goes_on & here).sum()),
            int((columns["problems"].present & here).sum()),
            {text: count for text, count in zip(column.texts, counts, strict=True) if count},
        )


def _configs(folder: Path) -> list[Path]:
    """Return the config files in a workspace's ``experiments/``, by name."""
    try:
        return sorted(folder / name for name in os.listdir(folder) if name.endswith(".json"))
    except OSError:
        return []


def _mirrors(trainings: Path) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {kind: [] for kind in MIRRORS.values()}
    for experiment in subfolders(trainings):
        for folder, kind in MIRRORS.items():
            if os.path.isdir(experiment / "trackings" / folder):
                found[kind].append(experiment_name(experiment) or experiment.name)
    return {kind: tuple(names) for kind, names in found.items() if names}
