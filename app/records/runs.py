"""A run as it lies on disk: one plain value for every execution, ours or of an older system, whole or broken."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from app.messages import BATCH_PREFIX
from app.records.events import end_event
from app.records.files import MissingFileError, RecordError
from app.records.layout import STATUS, ExecutionFolder, Workspace
from app.records.metrics import read_metrics
from app.records.names import id_from
from app.records.processes import host_name
from app.records.series import read_series, series_files
from app.records.status import END_STATES, SILENT_SECONDS, Status, heartbeat_age, read_status
from app.records.summary import MetricSummary, summary_of

#: Runs of older systems have no id of their own; theirs is derived from where they lie (RFC 4122, version 5).
_ID_NAMESPACE = uuid.UUID("c4d5bb1c-6a0b-4f0a-9d0e-3a8c1f6e5b77")
#: The states in which processes work for a run.
_UNDER_WAY = ("starting", "running", "paused")


@dataclass(frozen=True, slots=True)
class Run:
    """One execution as a reader sees it now."""

    folder: ExecutionFolder
    id: str
    experiment: str
    status: Status
    metrics: dict[str, MetricSummary] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    @property
    def execution_id(self) -> str:
        """The folder's name."""
        return self.folder.execution_id

    @property
    def state(self) -> str:
        """The state, taking into account whether those who should write it still live."""
        return self.status.state

    @property
    def silent_seconds(self) -> float | None:
        """For an active run whose heartbeat is old: the seconds since its last sign of life, else None."""
        return silent_seconds(self.status.state, self.folder)


def read_run(
    folder: ExecutionFolder, workspace: Workspace, *, experiment: str | None = None, metrics: bool = True
) -> Run:
    """Return the run of an execution folder. Whatever cannot be read is named in ``problems``; nothing is raised.

    Args:
        folder: the execution.
        workspace: where it lies.
        experiment: the experiment's name where it is known; None reads it.
        metrics: whether the metrics are summarized.
    """
    problems: list[str] = []
    try:
        status = observed_status(read_status(f"{folder.path}/{STATUS}"), folder)
    except RecordError as error:
        if not isinstance(error, MissingFileError):
            problems.append(str(error))
        status = _status_without_file(folder, workspace, problems)
    summaries: dict[str, MetricSummary] = {}
    if metrics:
        try:
            summaries = summarize(folder, settled=has_settled(status))
        except RecordError as error:
            problems.append(str(error))
    name = folder.experiment if experiment is None else experiment
    return Run(folder, status.id, name, status, summaries, tuple(problems))


def read_runs(workspace: Workspace, *, metrics: bool = True) -> Iterator[Run]:
    """Yield every execution of a workspace; a folder that holds no file of a run is passed over."""
    for experiment, folder in workspace.executions():
        if is_execution(folder):
            yield read_run(folder, workspace, experiment=experiment, metrics=metrics)


def silent_seconds(state: str, folder: ExecutionFolder) -> float | None:
    """Return, for an execution that is active and whose heartbeat is old, the seconds since its last sign of life."""
    if state not in _UNDER_WAY:
        return None
    age = heartbeat_age(folder.heartbeat)
    return age if age is not None and age > SILENT_SECONDS else None


def is_execution(folder: ExecutionFolder) -> bool:
    """Whether a folder holds any of the files that make it an execution."""
    return any(os.path.exists(path) for path in (folder.status, folder.document, folder.metrics, folder.log))


def has_settled(status: Status) -> bool:
    """Whether a run has closed its record, so that metrics.json has it all; before, the series are ahead."""
    return status.is_over and status.state != "crashed"


def observed_status(status: Status, folder: ExecutionFolder) -> Status:
    """Return the state of a run as it must be shown when its keeper cannot write it any more.

    Keeper and worker gone, on this host and boot: what the end event says, else crashed. On another host nothing can
    be known, so nothing is changed; a keeper or worker that lives keeps the state as it is, and so does a heart that
    still beats after another boot: that is another computer with the name of this one.
    """
    if status.state not in _UNDER_WAY:
        return status
    if not status.is_local:
        age = heartbeat_age(folder.heartbeat)
        if status.host != host_name() or (age is not None and age <= SILENT_SECONDS):
            return status
    elif any(process is not None and process.is_alive() for process in (status.keeper, status.worker)):
        return status
    ended = _status_of_the_end(status, folder)
    if ended is not None:
        return ended
    last_sign = _modified(folder.heartbeat) or status.started
    return status.change(
        state="crashed", reason="signal", message="the run's processes are gone without an end", ended=last_sign
    )


def summarize(folder: ExecutionFolder, *, settled: bool = False) -> dict[str, MetricSummary]:
    """Return the summary of every metric per epoch; {} when none was ever logged.

    Args:
        folder: the execution.
        settled: the run has closed its record, so that metrics.json, which is one file to read, has it all; without
            it the series are ahead.

    Raises:
        RecordError: what there is cannot be read.
    """
    sources = (_summarize_metrics, _summarize_series)
    for source in sources if settled else reversed(sources):
        with contextlib.suppress(MissingFileError):
            return source(folder)
    return {}


class RunNotFoundError(LookupError):
    """No run, or more than one, is meant by what was typed; ``candidates`` are those that it could have been."""

    def __init__(self, message: str, candidates: tuple[Run, ...] = ()) -> None:
        super().__init__(message)
        self.candidates = candidates


def find_run(workspace: Workspace, text: str) -> Run:
    """Return the run that a person means: a path, an id, a folder name or a unique prefix of either.

    Raises:
        RunNotFoundError: none or several match.
    """
    path = os.path.expanduser(text)
    if os.path.isdir(path):
        folder = ExecutionFolder(Path(path).resolve())
        if is_execution(folder):
            return read_run(folder, Workspace.around(folder.path))
    runs = list(read_runs(workspace, metrics=False))
    exact = [run for run in runs if text in (run.id, run.execution_id)]
    found = exact or [run for run in runs if text and (run.id.startswith(text) or run.execution_id.startswith(text))]
    if not found:
        raise RunNotFoundError(f"no run {text!r} in {workspace.root}; 'trackside runs' lists them")
    if len(found) > 1:
        raise RunNotFoundError(f"{text!r} could be {len(found)} runs", tuple(found))
    return read_run(found[0].folder, workspace)


def _summarize_metrics(folder: ExecutionFolder) -> dict[str, MetricSummary]:
    return summarize_epochs(read_metrics(folder.metrics))


def summarize_epochs(metrics: Mapping[str, Sequence[float | None]]) -> dict[str, MetricSummary]:
    """Return the summary of every metric that has a value in any epoch, from a list of values per epoch."""
    found = {}
    for name, values in metrics.items():
        if None in values:
            steps = [epoch for epoch, value in enumerate(values, 1) if value is not None]
            summary = summary_of([value for value in values if value is not None], steps)
        else:
            summary = summary_of(values)  # type: ignore[arg-type]
        if summary is not None:
            found[name] = summary
    return found


def _summarize_series(folder: ExecutionFolder) -> dict[str, MetricSummary]:
    found = {}
    files = series_files(folder.series)
    if not files:
        raise MissingFileError(f"{folder.series}: no series")
    for name, path in files.items():
        if not name.startswith(BATCH_PREFIX):
            with contextlib.suppress(MissingFileError):  # its name is there before it is
                points = read_series(path)
                summary = summary_of(points["value"], points["step"])
                if summary is not None:
                    found[name] = summary
    return found


def _status_of_the_end(status: Status, folder: ExecutionFolder) -> Status | None:
    """Return the status that the run's end event gives, or None where there is none."""
    match end_event(folder.events):
        case {"state": str(state), "time": ended, **more} if state in END_STATES:
            return status.change(state=state, reason=more.get("reason"), message=more.get("message"), ended=ended)
    return None


def _status_without_file(folder: ExecutionFolder, workspace: Workspace, problems: list[str]) -> Status:
    """Return what can be told of a run that an older system wrote, or whose status.json is broken."""
    try:
        place = folder.path.relative_to(workspace.root)
    except ValueError:
        place = folder.path
    relative = os.fsencode(place.as_posix()).decode("utf-8", "backslashreplace")  # a name may be no text
    times = [time for path in (folder.document, folder.log, folder.metrics) if (time := _modified(path)) is not None]
    status = Status(
        id=id_from(_ID_NAMESPACE, relative),
        state="finished",
        started=min(times, default=None),
        ended=max(times, default=None),
        host="",
        boot_id="",
    )
    ended = _status_of_the_end(status, folder)
    if ended is not None:
        return ended
    if os.path.exists(folder.metrics):  # the older systems write it at the end
        return status
    problems.append(f"{folder.path}: neither status.json nor metrics.json can be read, so how it ended is unknown")
    return status.change(state="crashed")


def _modified(path: Path) -> float | None:
    try:
        return os.stat(path).st_mtime
    except OSError:
        return None
