"""The open workspace as the pages see it: its runs, what can be done with them, where to go."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import shiboken6
from PySide6.QtCore import QObject, QTimer, Signal

from app.records.files import RecordError, read_json
from app.records.layout import ExecutionFolder, Workspace
from app.records.runs import Run, read_run
from app.records.sources.base import RunAddress
from app.records.watch import Changes
from app.ui.background import Work, run_in_background
from app.ui.following import Follower, RunFeed
from app.ui.indexing import Indexing
from app.ui.record_following import RecordFeed, RecordFollower
from app.ui.training_worker import TrainingWorker

if TYPE_CHECKING:
    from app.config.loading import LoadedConfig
    from app.records.index import Index
    from app.records.library import RunAddress

#: Between two looks for what died, what waits and whether a spare is wanted (ms).
_LOOK_EVERY = 5000


class Session(QObject):
    """A workspace that is open in this window.

    Attributes:
        workspace: the folder.
        worker: the spare that takes the next run.
        indexing: all runs, of all sources, by their index.
        runs: those under way, and those that ended since they were, by their folder: what the index is behind of.
        order: the folders of executions in the order in which the table shows them, for previous and next.
        is_listed: whether all runs under way have been read.
        is_empty: whether there is no execution.
    """

    runs_changed = Signal(Changes)
    listed = Signal()
    #: A run was submitted here: its folder.
    submitted = Signal(object)
    #: Something went wrong or is worth saying: level (error, warning, info) and text.
    notice = Signal(str, str)

    #: The window is asked whether this workspace may run code of its own: where the config names it, what runs then.
    trust_requested = Signal(object, object)
    #: The window is asked to show a run (its folder), a config file, a document that is no file yet (and its name).
    run_requested = Signal(object)
    #: The window is asked to show a run of another source: its RunAddress.
    record_requested = Signal(object)
    config_requested = Signal(object)
    draft_requested = Signal(object, str)
    #: The same of one that is nowhere else, so that it is not to be lost.
    unsaved_requested = Signal(object, str)
    runs_requested = Signal(str)
    #: Open a run in a tracker's page: folder of the run or its RunAddress, "tensorboard" or "mlflow".
    tracker_requested = Signal(object, str)
    #: Copy the command line that shows a run in a tracker's page: folder of the run or its RunAddress, kind.
    tracker_command_requested = Signal(object, str)

    def __init__(self, workspace: Workspace, worker: TrainingWorker, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.workspace = workspace
        self.worker = worker
        self.indexing = Indexing(workspace, self)
        self.indexing.failed.connect(lambda text: self.notice.emit("warning", text))
        self.runs: dict[Path, Run] = {}
        self.order: Sequence[Path] = []
        self.is_listed = False
        self.is_empty = True
        self._follower = Follower(workspace, self.indexing.settled_runs, self)
        self._follower.changed.connect(self._on_changes)
        self._follower.listed.connect(self._on_listed)
        self._record_follower = RecordFollower(workspace, self)
        self._timer = QTimer(self, interval=_LOOK_EVERY)
        self._timer.timeout.connect(self._look_after)

    def start(self) -> None:
        """Begin to follow the workspace; a spare is warmed once all runs have been listed."""
        self._follower.start()
        self.indexing.start()
        self._timer.start()

    def close(self) -> None:
        """Let go of everything; runs go on."""
        self._timer.stop()
        self._follower.close()
        self.indexing.close()
        self._record_follower.close()

    @property
    def name(self) -> str:
        """The name of the workspace's folder."""
        return self.workspace.root.name or str(self.workspace.root)

    @property
    def experiments(self) -> Path:
        """The folder of the user's own configs."""
        return self.workspace.root / "experiments"

    def follow(self, folder: ExecutionFolder, parent: QObject) -> RunFeed:
        """Return what tells of one run from now on; ``parent`` owns it."""
        return self._follower.follow(folder, parent)

    def follow_record(self, address: RunAddress, parent: QObject) -> RecordFeed:
        """Return what tells of a run of another program from now on; ``parent`` owns it."""
        return self._record_follower.follow(address, parent)

    def active_runs(self) -> list[ExecutionFolder]:
        """Return the runs that go on, as their folders say right now."""
        folders = [run.folder for run in self.runs.values() if not run.status.is_over]
        read = (read_run(folder, self.workspace, experiment="", metrics=False) for folder in folders)
        return [run.folder for run in read if not run.status.is_over]

    def rescan(self) -> None:
        """Look at everything again."""
        self._follower.rescan()
        self.indexing.search()

    def open_runs(self, ids: Sequence[int]) -> None:
        """Show runs of other sources, by their ids in the index."""

        def read(index: Index) -> list[RunAddress]:
            from app.records.library import RunAddress

            return [RunAddress(*index.whereabouts(run)) for run in ids]

        def found(addresses: list[RunAddress]) -> None:
            for address in addresses:
                self.record_requested.emit(address)

        def failed(error: Exception) -> None:
            if not isinstance(error, KeyError):
                raise error
            self.notice.emit("warning", "This run is not there any more.")

        self.indexing.read(self, read, found, failed=failed)

    def submit(self, loaded: LoadedConfig, *, show: bool = True) -> None:
        """Run a checked config. The run appears in the table, and in a tab when ``show``; an error is a notice.

        One that names own code is not run in a workspace that is not trusted: ``trust_requested`` asks first.
        """
        from app.config.trust import UntrustedError, require_trust

        try:
            require_trust(loaded.document, self.workspace.root)
        except UntrustedError as error:
            self.trust_requested.emit(error.uses, lambda: self._trust(lambda: self.submit(loaded, show=show)))
            return
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

    def _trust(self, then: Callable[[], object]) -> None:
        from app.config.trust import trust, trust_file

        try:
            trust(self.workspace.root)
        except OSError as error:
            self.notice.emit("error", f"{trust_file()} cannot be written: {error.strerror or error}")
        else:
            then()

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
        name = self._free_name(folder.experiment_folder.name)
        self._with_document(folder, lambda document: self.draft_requested.emit(document, name))

    def _free_name(self, stem: str) -> str:
        """Return a name that no config has yet."""
        names = (f"{stem}.json" if number == 1 else f"{stem}_{number}.json" for number in itertools.count(1))
        return next(name for name in names if not (self.experiments / name).exists())

    def _with_document(self, folder: ExecutionFolder, done: Any) -> None:
        def work(_work: Work[dict[str, Any]]) -> dict[str, Any]:
            from app.config.documents import read_document
            from app.config.resolve import with_absolute_paths

            document = dict(read_document(folder.document))
            try:
                match read_json(folder.resolved):
                    case {"source": {"file": str(file)}}:  # what relative paths start from lies beside it
                        return with_absolute_paths(document, Path(file).parent)
            except RecordError:
                pass  # an older system has written the run
            return document

        def failed(error: Exception) -> None:
            self.notice.emit("error", f"The config of {folder.execution_id} cannot be read: {error}")

        run_in_background(self, work, done, failed=failed)

    def _on_changes(self, changes: Changes) -> None:
        for path in changes.removed:
            self.runs.pop(path, None)
        for run in changes.runs:
            self.runs[run.folder.path] = run
        self.runs_changed.emit(changes)
        if changes.others or changes.removed or any(run.status.is_over for run in changes.runs):
            self.indexing.look()
        if any(run.status.is_over for run in changes.runs) and self.is_listed:
            self._look_after()

    def _on_listed(self, any_runs: bool) -> None:
        self.is_listed, self.is_empty = True, not any_runs
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
