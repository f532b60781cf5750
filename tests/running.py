"""What tests of whole runs share: warm workers, configs, waiting for a condition."""

from __future__ import annotations

import contextlib
import copy
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from app.config.loading import from_document
from app.jobs.scheduling import submit
from app.jobs.spare import Spare
from app.records.files import RecordError
from app.records.layout import ExecutionFolder, Workspace
from app.records.live import LiveRun
from app.records.status import read_status
from app.resources import resource

EXAMPLE = resource("experiments", "boston_housing.json")
WARM_SECONDS = 200.0
RUN_SECONDS = 200.0


class Spares:
    """Warm spares for tests, the next one warming while a test uses the one before."""

    def __init__(self) -> None:
        self._next: Spare | None = None

    def take(self) -> Spare:
        spare = self._next or Spare()
        self._next = None
        assert spare.wait(WARM_SECONDS), f"the spare did not get warm: {spare.problem}"
        self._next = Spare()
        return spare

    def close(self) -> None:
        if self._next is not None:
            self._next.close()


def example(**changes: Any) -> dict[str, Any]:
    """Return the example config with keys changed: ``training__epochs=3``."""
    document: dict[str, Any] = copy.deepcopy(json.loads(EXAMPLE.read_text()))
    for path, value in changes.items():
        *parents, last = path.split("__")
        at = document
        for part in parents:
            at = at.setdefault(part, {})
        at[last] = value
    return document


def endless(**changes: Any) -> dict[str, Any]:
    """Return a config that trains until it is stopped."""
    return example(training__epochs=1_000_000, training__callbacks=[], **changes)


def start(document: dict[str, Any], workspace: Workspace, spare: Spare | None = None) -> LiveRun:
    """Submit a config."""
    return LiveRun(submit(from_document(document), workspace, spare=spare))


def wait_until(condition: Callable[[], Any], what: str, seconds: float = RUN_SECONDS) -> Any:
    """Wait for a condition to hold and return its value."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.01)
    return value


def serving_processes(pid: int | None = None) -> list[psutil.Process]:
    """Return the trackers' servers among the processes below one, the test's own unless another is named."""
    found = []
    for process in psutil.Process(pid).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
            if "app.trackers.serving" in process.cmdline():
                found.append(process)
    return found


def wait_for_epoch(run: LiveRun, epoch: int) -> None:
    """Wait until a run has finished so many epochs."""

    def reached() -> bool:
        run.refresh()
        assert not run.is_over, run.status
        return run.epoch >= epoch

    wait_until(reached, f"epoch {epoch}")


def wait_for_end(run: LiveRun, seconds: float = RUN_SECONDS) -> LiveRun:
    """Wait until a run is over."""

    def over() -> bool:
        run.refresh()
        return run.is_over

    wait_until(over, "the end of the run", seconds)
    return run


def wait_for_mirrors(run: LiveRun, seconds: float = 60.0) -> LiveRun:
    """Wait until a run is over and its keeper has closed the mirrors."""
    wait_for_end(run)
    wait_until(lambda: not run.is_kept, "the keeper's end", seconds)
    return run


def mlflow_client(run: LiveRun) -> Any:
    """Return MLflow's own client for the store that a run is mirrored to."""
    import mlflow

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
        return mlflow.MlflowClient(f"file://{run.folder.trackings}/mlruns")


def end_all_runs(workspace: Workspace) -> None:
    """Kill whatever a test has left running."""
    for _, folder in workspace.executions():
        with contextlib.suppress(RecordError):
            status = read_status(folder.status)
            # The worker first: it would look for another keeper.
            for process in (status.worker, status.keeper):
                if process is not None and process.pid != os.getpid() and process.is_alive():
                    psutil.Process(process.pid).kill()


def log_of(folder: ExecutionFolder) -> str:
    """Return the text of a run's log."""
    return folder.log.read_text("utf-8", "replace")


def files_below(folder: Path) -> list[Path]:
    """Return every file below a folder."""
    return sorted(path for path in folder.rglob("*") if path.is_file())
