"""The keeper process: one for each run, started in one of four ways.

A small process in a session of its own, so that a run outlives the window or command line that started it. One that
dies stops no training: the worker starts another, which takes over with ``--adopt``.

    keeper --run                              the run comes over standard input, the worker starts at once
    keeper --spare                            a worker warms up first; the run comes when there is one
    keeper --adopt WORKSPACE FOLDER           the worker runs already, its invitation comes over standard input
    keeper --settle WORKSPACE FOLDER          the worker is gone too: close the record and the mirrors
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import sys
import tempfile
import threading
import traceback
from pathlib import Path
from typing import IO

from app.config.models import SessionConfig
from app.config.own_code import INTERPRETER
from app.config.trust import is_trusted, why_untrusted
from app.jobs.keeping import TICK_SECONDS, Keeper
from app.jobs.launch import READY_LINE, fail_to_start
from app.jobs.queue import Claim, Queue
from app.jobs.scheduling import start_next
from app.jobs.sessions import session_of, why_cold
from app.jobs.settling import settle
from app.jobs.worker_process import Gone, WorkerProcess
from app.messages import Ready
from app.records.layout import ExecutionFolder, Workspace
from app.records.log import append_entry
from app.records.processes import Identity, lower_priority_of_this_thread
from app.records.status import read_status
from app.trackers.registry import preload, tracker_types

#: How much of its worker's output a spare tells that did not get warm.
_PROBLEM_CHARACTERS = 4000

_Assignment = tuple[Workspace, Claim, dict[str, str]]


def _run() -> None:
    """Keep the run that standard input names, its worker starting now."""
    assignment = _read_assignment()
    if assignment is None:
        return
    workspace, claim, secrets = assignment
    if not Queue(workspace).take(claim, Identity.of()):
        return
    folder = claim.folder
    try:
        session = session_of(folder)
        _require_trust(session, workspace)
        if reason := why_cold(session):
            append_entry(folder.log, "INFO", "Keeper", f"Starting a worker of its own: {reason}")
        with open(folder.log, "ab") as log:
            worker = WorkerProcess.start(workspace.root, log, session=session)
    except OSError as error:
        fail_to_start(workspace, folder, f"the worker did not start: {error}")
        start_next(workspace)
        return
    _keep(workspace, folder, worker, secrets)


def _require_trust(session: SessionConfig, workspace: Workspace) -> None:
    """Ask once more: trust may have been taken back while the run waited.

    Raises:
        PermissionError: the session names a Python, and its workspace is not trusted.
    """
    if session.python is not None and not is_trusted(workspace.root):
        raise PermissionError(f"session.python: {why_untrusted(session.python, workspace.root, INTERPRETER)}")


def _keep(
    workspace: Workspace,
    folder: ExecutionFolder,
    worker: WorkerProcess,
    secrets: dict[str, str],
    *,
    ready: Ready | None = None,
    adopted: bool = False,
) -> None:
    try:
        Keeper(workspace, folder, worker, secrets, adopted=adopted).keep(ready)
    except Exception:
        # A keeper has no terminal; what it failed of is told where the run is told.
        with contextlib.suppress(OSError):
            append_entry(folder.log, "ERROR", "Keeper", traceback.format_exc().rstrip())
        raise


def _run_spare() -> None:
    """Warm a worker, then keep the run that standard input names; without one, leave with the owner."""
    with tempfile.TemporaryFile() as output:
        worker = WorkerProcess.start(Path.home(), output, warming=True)
        assignments: queue.SimpleQueue[_Assignment] = queue.SimpleQueue()

        def wait_for_run() -> None:
            assignment = _read_assignment()
            if assignment is None:  # the owner is gone, or needs no spare any more
                worker.abandon()
                os._exit(0)
            assignments.put(assignment)

        threading.Thread(target=wait_for_run, name="assignment", daemon=True).start()
        threading.Thread(target=_preload_trackers, name="preload", daemon=True).start()
        ready = _first_word(worker, assignments)
        if isinstance(ready, Gone):
            print(_tail_of(output), flush=True)
            return
        if ready is not None:
            print(READY_LINE, json.dumps({"versions": ready.versions, "gpus": ready.gpus}), flush=True)
        _leave_output()
        workspace, claim, secrets = assignments.get()
        if not Queue(workspace).take(claim, Identity.of()):
            worker.abandon()
            return
        _keep(workspace, claim.folder, worker, secrets, ready=ready)
        if ready is None and (said := _tail_of(output)):
            # What the worker said before it knew of the run's log: why it could not import, if it could not.
            with contextlib.suppress(OSError):
                append_entry(claim.folder.log, "DEBUG", "Worker", said)


def _first_word(worker: WorkerProcess, assignments: queue.SimpleQueue[_Assignment]) -> Ready | Gone | None:
    """Return what the worker says first, or None when a run came before it said anything."""
    while assignments.empty():
        try:
            word = worker.incoming.get(timeout=TICK_SECONDS)
        except queue.Empty:
            if not worker.is_connected and worker.has_ended():
                return Gone()
        else:
            return word if isinstance(word, Ready) else Gone()
    return None


def _tail_of(output: IO[bytes]) -> str:
    output.seek(0)
    return output.read().decode("utf-8", "replace")[-_PROBLEM_CHARACTERS:].strip()


def _adopt(workspace: Workspace, folder: ExecutionFolder) -> None:
    """Take over a run whose keeper died; its worker's invitation is on standard input."""
    invitation = sys.stdin.readline()
    status = read_status(folder.status)
    if status.is_over or status.worker is None:
        return
    worker = WorkerProcess.find(status.worker, invitation)
    Queue(workspace).inherit(folder, Identity.of())
    _keep(workspace, folder, worker, {}, adopted=True)


def _read_assignment() -> _Assignment | None:
    line = sys.stdin.readline()
    if not line:
        return None
    fields = json.loads(line)
    claim = Claim(ExecutionFolder(Path(fields["folder"])), fields["token"])
    return Workspace.at(Path(fields["workspace"])), claim, fields["secrets"]


def _leave_output() -> None:
    """Let nobody's closed pipe matter to this process any more."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        os.dup2(nowhere, descriptor)
    os.close(nowhere)


def _preload_trackers() -> None:
    """Import what the trackers need while nobody waits for it, giving way to everyone who works."""
    lower_priority_of_this_thread()
    preload(tracker_types())


def main(argv: list[str]) -> int:
    """Run a keeper; see the module's text for its arguments."""
    mode, *places = argv
    try:
        if mode == "--run":
            _run()
        elif mode == "--spare":
            _run_spare()
        else:
            workspace, folder = Workspace.at(Path(places[0])), ExecutionFolder(Path(places[1]))
            if mode == "--adopt":
                _adopt(workspace, folder)
            else:
                settle(workspace, folder)
    except Exception:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
    # A tracker that hangs is left behind in its thread, which must not keep the process.
    os._exit(0)
