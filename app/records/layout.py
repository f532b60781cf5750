"""Where everything lies: the workspace, its executions and the files of one execution."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from app.records.files import RecordError, read_json, replace_file, to_json
from app.records.names import slug

TRAININGS = "trainings"
#: Names of files of an execution for whoever reads thousands of them: making a path object for each takes its time.
STATUS, LOG = "status.json", "execution.log"
PRIVATE = ".trackside"
_FALLBACK_EXPERIMENT = "experiment"


@dataclass(frozen=True, slots=True)
class Workspace:
    """A folder that holds a person's experiments and everything that was run of them."""

    root: Path

    @classmethod
    def at(cls, root: Path) -> Workspace:
        """Return the workspace of a folder, which need not exist yet."""
        return cls(root.expanduser().resolve())

    @classmethod
    def around(cls, folder: Path) -> Workspace:
        """Return the workspace that a folder belongs to: the nearest one upwards, else the folder itself."""
        start = folder.resolve()
        for candidate in (start, *start.parents):
            if (candidate / PRIVATE).is_dir() or (candidate / TRAININGS).is_dir():
                return cls(candidate)
        return cls(start)

    @property
    def trainings(self) -> Path:
        """The folder of all experiments' executions."""
        return self.root / TRAININGS

    @property
    def dataset_cache(self) -> Path:
        """The folder of datasets as they were loaded once."""
        return self.root / "cache" / "datasets"

    @property
    def private(self) -> Path:
        """The folder of what can be rebuilt: queue, index, views."""
        return self.root / PRIVATE

    def executions(self) -> Iterator[tuple[str, ExecutionFolder]]:
        """Yield (experiment's name, execution) of everything below trainings/, in the order of the folders' names."""
        for home in subfolders(self.trainings):
            experiment = experiment_name(home) or home.name
            for folder in subfolders(home / "executions"):
                yield experiment, ExecutionFolder(folder)

    def new_execution(self, experiment: str, dataset: str) -> ExecutionFolder:
        """Make the folder of a new execution, with no file in it yet.

        Args:
            experiment: the experiment's name; "" when it has none.
            dataset: the dataset's name, which then serves instead.

        Raises:
            OSError: the folder cannot be made.
        """
        home = self._experiment_folder(experiment, dataset)
        executions = home / "executions"
        executions.mkdir(parents=True, exist_ok=True)
        stamp = time.strftime("%H-%M-%S__%d-%m-%Y")
        count = 1
        while True:
            folder = executions / (stamp if count == 1 else f"{stamp}-{count}")
            try:
                folder.mkdir()  # exclusive: two starts in one second get two folders
                return ExecutionFolder(folder)
            except FileExistsError:
                count += 1

    def _experiment_folder(self, experiment: str, dataset: str) -> Path:
        name = experiment or dataset
        base = slug(experiment) or slug(dataset) or _FALLBACK_EXPERIMENT
        count = 1
        while True:
            folder = self.trainings / (base if count == 1 else f"{base}_{count}")
            folder.mkdir(parents=True, exist_ok=True)
            owner = experiment_name(folder)
            if owner is None:
                replace_file(folder / "experiment.json", to_json({"name": name}))
                return folder
            if owner == name:
                return folder
            count += 1


@dataclass(frozen=True, slots=True)
class ExecutionFolder:
    """The files of one execution; docs/formats.md describes each."""

    path: Path

    @property
    def execution_id(self) -> str:
        """The folder's name, which is the run's name in every tracker."""
        return self.path.name

    @property
    def experiment_folder(self) -> Path:
        """``trainings/<experiment>``."""
        return self.path.parent.parent

    @property
    def experiment(self) -> str:
        """The experiment's name as it was given."""
        return experiment_name(self.experiment_folder) or self.experiment_folder.name

    @property
    def trackings(self) -> Path:
        """The folder that the trackers of this experiment write to."""
        return self.experiment_folder / "trackings"

    @property
    def document(self) -> Path:
        """The config as it was submitted."""
        return self.path / "training_config.json"

    @property
    def resolved(self) -> Path:
        """The config with every default filled in."""
        return self.path / "config.resolved.json"

    @property
    def log(self) -> Path:
        """The log."""
        return self.path / LOG

    @property
    def metrics(self) -> Path:
        """The metrics by epoch, the times of the stages and the platform."""
        return self.path / "metrics.json"

    @property
    def model(self) -> Path:
        """The trained model."""
        return self.path / "model.h5"

    @property
    def callbacks(self) -> Path:
        """The folder below which every callback has its own."""
        return self.path / "callbacks"

    @property
    def pipeline(self) -> Path:
        """The folder of the fitted transformers."""
        return self.path / "pipeline"

    @property
    def series(self) -> Path:
        """The folder of all points."""
        return self.path / "series"

    @property
    def events(self) -> Path:
        """What happened when."""
        return self.path / "events.jsonl"

    @property
    def commands(self) -> Path:
        """The inbox."""
        return self.path / "commands"

    @property
    def status(self) -> Path:
        """The state."""
        return self.path / STATUS

    @property
    def status_lock(self) -> Path:
        """Taken by whoever writes the state of a run whose keeper is gone."""
        return self.path / "status.lock"

    @property
    def heartbeat(self) -> Path:
        """An empty file whose time says when the keeper last lived."""
        return self.path / "heartbeat"

    @property
    def environment(self) -> Path:
        """Python, packages, commit, command, platform."""
        return self.path / "environment.json"

    @property
    def scratch(self) -> Path:
        """What the keeper needs while the run lives; removed at its end."""
        return self.path / ".keeper"


def experiment_name(folder: Path) -> str | None:
    """Return the name in an experiment's experiment.json, or None where there is none that can be read."""
    try:
        value = read_json(folder / "experiment.json")
    except RecordError:
        return None
    name = value.get("name") if isinstance(value, dict) else None
    return name if isinstance(name, str) else None


def subfolders(parent: Path) -> list[Path]:
    """Return the folders in a folder by name; [] where it cannot be read."""
    try:
        with os.scandir(parent) as entries:
            # A link that leads nowhere is an error to the entry, and one that leads to a folder is a folder.
            names = sorted(e.name for e in entries if (os.path.isdir(e) if e.is_symlink() else e.is_dir()))
    except OSError:
        return []
    return [parent / name for name in names]
