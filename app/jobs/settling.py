"""Runs whose processes are all gone without a word: their record and mirrors are closed by whoever notices."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

from filelock import FileLock, Timeout

from app.jobs.launch import start_settler
from app.jobs.mirroring import Mirroring
from app.jobs.scheduling import hand_over_slot
from app.records.events import append_event, end_event, make_event
from app.records.files import RecordError
from app.records.layout import ExecutionFolder, Workspace
from app.records.log import append_entry
from app.records.processes import host_name
from app.records.runs import Run, observed_status
from app.records.status import Status, read_status, write_status


def settle_dead_runs(runs: Iterable[Run]) -> None:
    """Start the process that closes it for each run whose processes ended before that was done. Returns at once."""
    for run in runs:
        if run.status.is_over and run.status.host == host_name() and _is_unsettled(run.folder):
            with contextlib.suppress(OSError):
                start_settler(Workspace.around(run.folder.path), run.folder)


def settle(workspace: Workspace, folder: ExecutionFolder) -> None:
    """Close record and mirrors of a run whose processes are all gone. Whoever comes second does nothing.

    Raises:
        RecordError: status.json cannot be read.
        OSError: it cannot be written.
    """
    try:
        with FileLock(folder.status_lock, timeout=0):
            written = read_status(folder.status)
            status = observed_status(written, folder)
            if not status.is_over or not _is_unsettled(folder):
                return
            if not written.is_over:
                _write_end(folder, status)
                hand_over_slot(workspace, folder)
            mirroring = Mirroring(folder, status, lambda tracker, message, data: None, anew=True)
            mirroring.start()
            mirroring.end(status.state, status.ended)
    except Timeout:
        return


def _is_unsettled(folder: ExecutionFolder) -> bool:
    """Whether the end is not written yet, or its keeper died before the mirrors were closed."""
    try:
        written = read_status(folder.status)
    except RecordError:
        return False
    if not written.is_over:
        return True
    keeper_lives = written.is_local and written.keeper is not None and written.keeper.is_alive()
    return folder.scratch.exists() and not keeper_lives


def _write_end(folder: ExecutionFolder, status: Status) -> None:
    if end_event(folder.events) is None:
        append_entry(folder.log, "ERROR", "Keeper", f"Run {status.state}: {status.message}")
        end = make_event("end", state=status.state, reason=status.reason, message=status.message)
        append_event(folder.events, {**end, "time": status.ended or end["time"]})
    write_status(folder.status, status, sync=True)
