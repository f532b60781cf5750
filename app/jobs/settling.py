"""Runs whose processes are all gone without a word: their record and mirrors are closed by whoever notices."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from app.jobs.launch import start_settler
from app.jobs.mirroring import Mirroring
from app.jobs.queue import Queue
from app.jobs.scheduling import start_next
from app.records.events import append_event, end_event, make_event
from app.records.files import RecordError
from app.records.layout import ExecutionFolder, Workspace
from app.records.log import append_entry
from app.records.processes import Identity
from app.records.runs import Run, observed_status
from app.records.status import read_status, write_status


def settle_dead_runs(workspace: Workspace, runs: Iterable[Run]) -> None:
    """Start, for each run that is shown as over but not written so, the process that closes it. Returns at once."""
    for run in runs:
        try:
            written = read_status(run.folder.status)
        except RecordError:
            continue
        if run.status.is_over and not written.is_over and written.is_local:
            with contextlib.suppress(OSError):
                start_settler(workspace, run.folder)


def settle(workspace: Workspace, folder: ExecutionFolder) -> None:
    """Close record and mirrors of a run whose processes are all gone. Whoever comes second does nothing.

    Raises:
        RecordError: status.json cannot be read.
        OSError: it cannot be written.
    """
    with _status_lock(folder) as mine:
        if not mine:
            return
        written = read_status(folder.status)
        status = observed_status(written, folder)
        if written.is_over or not status.is_over:
            return
        if end_event(folder.events) is None:
            append_entry(folder.log, "ERROR", "Keeper", f"Run {status.state}: {status.message}")
            end = make_event("end", state=status.state, reason=status.reason, message=status.message)
            append_event(folder.events, {**end, "time": status.ended or end["time"]})
        write_status(folder.status, status, sync=True)
        Queue(workspace).release(folder)
        start_next(workspace)
        mirroring = Mirroring(folder, status, lambda tracker, message, data: None, anew=True)
        mirroring.start()
        mirroring.end(status.state, status.ended)


@contextmanager
def _status_lock(folder: ExecutionFolder) -> Iterator[bool]:
    """Take status.lock; yield whether it is ours. One whose owner died is taken over."""
    lock = folder.status_lock
    try:
        owner = Identity.from_json(json.loads(lock.read_bytes()))
        if owner is None or not owner.is_alive():
            lock.unlink(missing_ok=True)
    except (OSError, ValueError):
        pass
    try:
        descriptor = os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
    except FileExistsError:
        yield False
        return
    try:
        with os.fdopen(descriptor, "w") as file:
            json.dump(Identity.of().to_json(), file)
        yield True
    finally:
        lock.unlink(missing_ok=True)
