"""The open workspace as the pages see it: its runs, what can be done with them, where to go."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import shiboken6
from PySide6.QtCore import QObject, QTimer, Signal

from app.records.files import RecordError
from app.records.layout import ExecutionFolder, Workspace
from app.records.runs import Run
from app.records.status import read_status
from app.records.watch import Changes
from app.ui.background import Work, run_in_background
from app.ui.following import Follower, RunFeed
from app.ui.training_worker import TrainingWorker

if TYPE_CHECKING:
    from app.config.loading import LoadedConfig

#: Between two looks for what died, what waits and whether a spare is wanted (ms).
_LOOK_EVERY = 5000


class Session(QObject):
    """A workspace that is open in this window.

    Attributes:
        workspace: the folder.
        worker: the spare that takes the next run.
        runs: every run that has been read, by its folder.
        order: the folders of the runs in the order in which the table shows them, for previous and next.
        is_listed: whether all runs have been read.
    """

    runs_changed = Signal(Changes)
    listed = Signal()
    #: A run was submitted here: its folder.
    submitted = Signal(object)
    #: Something went wrong or is worth saying: level (error, warning, info) and text.
    notice = Signal(str, str)

    #: The window is asked to show a run (its folder), a config file, a document that is no file yet (and its name).
    run_requested = Signal(object)
    config_requested = Signal(object)
    draft_requested = Signal(object, str)
    runs_requested = Signal(str)
    #: Open a run in a tracker's page: folder of the run, "tensorboard" or "mlflow".
    tracker_requested = Signal(object, str)
    #: Copy the command line that shows a run in a tracker's page: folder of the run, kind.
    tracker_command_requested = Signal(object, str)

    def __init__(self, workspace: Workspace, worker: TrainingWorker, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.workspace = workspace
        self.worker = worker
        self.runs: dict[Path, Run] = {}
        self.order: list[Path] = []
        self.is_listed = False
        self._follower = Follower(workspace, self)
        self._follower.changed.connect(self._on_changes)
        self._follower.listed.connect(self._on_listed)
        self._timer = QTimer(self, interval=_LOOK_EVERY)
        self._timer.timeout.connect(self._look_after)

    def start(self) -> None:
        """Begin to follow the workspace; a spare is warmed once all runs have been listed."""
        self._follower.start()
        self._timer.start()

    def close(self) -> None:
        """Let go of everything; runs go on."""
        self._timer.stop()
        self._follower.close()

    @property
    def name(self) -> str:
        """The name of the workspace's folder."""
        return self.workspace.root.name or str(self.workspace.root)

    @property
    def experiments(self) -> Path:
        """The folder of the user's own configs."""
        return self.workspace.root / "experiments"

    def active_runs(self) -> list[Run]:
        """Return the runs under way as their files say: one that has ended just now may not have been told of yet."""

        def is_over(run: Run) -> bool:
            try:
                return run.status.is_over or read_status(run.folder.status).is_over
            except RecordError:
                return False

        return [run for run in self.runs.values() if not is_over(run)]

    def follow(self, folder: ExecutionFolder, parent: QObject) -> RunFeed:
        """Return what tells of one run from now on; ``parent`` owns it."""
        return self._follower.follow(folder, parent)

    def rescan(self) -> None:
        """Look at everything again."""
        self._follower.rescan()

    def submit(self, loaded: LoadedConfig, *, show: bool = True) -> None:
        """Run a checked config. The run appears in the table, and in a tab when ``show``; an error is a notice."""
        spare = self.worker.take()

        def work(_work: Work[ExecutionFolder]) -> ExecutionFolder:
            from app.jobs.scheduling import submit

            return submit(loaded, self.workspace, command=["trackside"], cwd=self.workspace.root, spare=spare)

        def done(folder: ExecutionFolder) -> None:
            self.worker.give_back(spare)  # where the run waits in the queue, the spare is for the next one
            if not shiboken6.isValid(self):
                return  # another workspace is open by now
            self._follower.expect_change()
            self.submitted.emit(folder)
            if show:
                self.run_requested.emit(folder.path)

        def failed(error: Exception) -> None:
            self.worker.give_back(spare)
            if not shiboken6.isValid(self):
                return
            reason = error.strerror or str(error) if isinstance(error, OSError) else str(error)
            self.notice.emit("error", f"The run could not be recorded in {self.workspace.root}: {reason}")

        self._follower.expect_change()
        # The worker outlives this session, and must have its spare back in any case.
        run_in_background(self.worker, work, done, failed=failed)

    def stop(
        self,
        folders: Sequence[ExecutionFolder],
        *,
        at_once: bool = False,
        then: Callable[[], object] | None = None,
    ) -> None:
        """Ask runs to stop, or take them out of the queue; ``then`` is called when they have been asked."""

        def work(_work: Work[list[str]]) -> list[str]:
            from app.jobs.scheduling import stop

            problems = []
            for folder in folders:
                try:
                    stop(self.workspace, folder, at_once=at_once)
                except (OSError, RecordError) as error:  # the others are asked all the same
                    problems.append(f"{folder.execution_id} could not be stopped: {error}")
            return problems

        self._follower.expect_change()

        def done(problems: list[str]) -> None:
            self._follower.expect_change()
            for problem in problems:
                self.notice.emit("error", problem)
            if then is not None:
                then()

        run_in_background(self, work, done)

    def submit_document(self, document: Mapping[str, Any], *, source: str = "", show: bool = True) -> None:
        """Check a document and run it; with problems it is opened in the editor instead."""

        def work(_work: Work[LoadedConfig]) -> LoadedConfig:
            from app.config.loading import from_document

            return from_document(document, name=source)

        def failed(error: Exception) -> None:
            from app.config.problems import ConfigError

            if not isinstance(error, ConfigError):
                raise error
            self.draft_requested.emit(dict(document), source)

        run_in_background(self, work, lambda loaded: self.submit(loaded, show=show), failed=failed)

    def run_again(self, folders: Sequence[ExecutionFolder]) -> None:
        """Submit the configs of runs once more."""
        for folder in folders:
            self._with_document(folder, lambda document: self.submit_document(document, show=len(folders) == 1))

    def edit_as_new(self, folder: ExecutionFolder) -> None:
        """Open a copy of a run's config in the editor."""
        name = f"{folder.experiment_folder.name}.json"
        self._with_document(folder, lambda document: self.draft_requested.emit(document, name))

    def _with_document(self, folder: ExecutionFolder, done: Any) -> None:
        def work(_work: Work[dict[str, Any]]) -> dict[str, Any]:
            from app.config.documents import read_document

            return dict(read_document(folder.document))

        def failed(error: Exception) -> None:
            self.notice.emit("error", f"The config of {folder.execution_id} cannot be read: {error}")

        run_in_background(self, work, done, failed=failed)

    def _on_changes(self, changes: Changes) -> None:
        for path in changes.removed:
            self.runs.pop(path, None)
        for run in changes.runs:
            self.runs[run.folder.path] = run
        self.runs_changed.emit(changes)
        if any(run.status.is_over for run in changes.runs) and self.is_listed:
            self._look_after()

    def _on_listed(self) -> None:
        self.is_listed = True
        self.listed.emit()
        self._look_after()

    def _look_after(self) -> None:
        """Close what died without a word, start what waits, keep a spare warm."""
        if not self.is_listed:
            return
        runs = list(self.runs.values())

        def work(_work: Work[None]) -> None:
            from app.jobs.scheduling import start_what_waits
            from app.jobs.settling import settle_dead_runs

            settle_dead_runs(run for run in runs if run.state == "crashed")
            start_what_waits(self.workspace)

        run_in_background(self, work, failed=lambda error: self.notice.emit("warning", str(error)))
        self.worker.warm(runs)


def read_experiments(folder: Path) -> list[Path]:
    """Return the config files in a workspace's ``experiments/``, by name."""
    with contextlib.suppress(OSError, RecordError):
        return sorted(folder / name for name in os.listdir(folder) if name.endswith(".json"))
    return []
