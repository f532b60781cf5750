"""From a checked config to a run that is under way: submitting, starting what is next, stopping."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.config.loading import LoadedConfig
from app.config.resolve import resolve
from app.config.secrets import redact
from app.config.settings import load_settings
from app.config.trust import require_trust
from app.jobs.inbox import send_stop
from app.jobs.launch import fail_to_start, start_keeper
from app.jobs.queue import Queue
from app.jobs.sessions import session_of, why_cold
from app.records.environment import hide_secrets
from app.records.events import append_event, make_event
from app.records.files import replace_file, to_json
from app.records.layout import ExecutionFolder, Workspace
from app.records.log import append_entry
from app.records.processes import Identity
from app.records.status import Status, read_status, write_status

if TYPE_CHECKING:
    from app.jobs.spare import Spare


def submit(
    loaded: LoadedConfig,
    workspace: Workspace,
    *,
    command: Sequence[str] = (),
    cwd: Path | None = None,
    spare: Spare | None = None,
) -> ExecutionFolder:
    """Make the execution of a checked config, put it into the queue, and start it when a slot is free.

    Args:
        loaded: what to train.
        workspace: where the execution goes.
        command: the command line that asked for it, for the record.
        cwd: the folder that the code of the run lies in, for the record.
        spare: a warm spare that may take it.

    Raises:
        UntrustedError: it names code of the user's own, and the workspace is not trusted.
        OSError: the folder or the queue cannot be written; nothing of the run is left.
    """
    require_trust(loaded.document, workspace.root)
    document, secrets = redact(loaded.document)
    hidden = list(secrets.values())
    resolved = redact(resolve(loaded))[0]
    resolved["source"] = {
        **_without_secrets(resolved.get("source") or {}, hidden),
        "command": [hide_secrets(part, hidden) for part in command],
        "cwd": str(cwd or Path.cwd()),
    }
    config = loaded.config
    folder = workspace.new_execution(config.experiment.name or "", config.dataset.name)
    try:
        replace_file(folder.document, to_json(document))
        replace_file(folder.resolved, to_json(resolved))
        folder.commands.mkdir()
        append_event(folder.events, make_event("note", message="submitted"))
        write_status(folder.status, Status(submitted=time.time()))
        Queue(workspace).add(folder)
    except BaseException:
        shutil.rmtree(folder.path, ignore_errors=True)
        raise
    try:
        start_next(workspace, spare=spare, secrets={folder.path: _tracker_secrets(config, secrets)})
    except OSError as error:  # it waits, and whoever looks next tries again
        _append(folder, "WARNING", f"Run could not be started yet: {error}")
    return folder


def start_next(
    workspace: Workspace,
    *,
    spare: Spare | None = None,
    secrets: Mapping[Path, Mapping[str, str]] | None = None,
) -> list[ExecutionFolder]:
    """Start the runs that are next, as many as there are free slots; return those that were started.

    Args:
        workspace: whose queue.
        spare: a warm spare; the first run that it suits gets it.
        secrets: by the path of an execution, what its trackers need and no file holds.

    Raises:
        OSError: the queue cannot be used.
    """
    settings, _ = load_settings()
    started = []
    while (claim := Queue(workspace).claim(settings.slots, Identity.of())) is not None:
        known = (secrets or {}).get(claim.folder.path, {})
        takes = spare is not None and why_cold(session_of(claim.folder)) is None
        if spare is None or not takes or not spare.give(workspace, claim, known):
            try:
                start_keeper(workspace, claim, known)
            except OSError as error:
                fail_to_start(workspace, claim.folder, f"the keeper did not start: {error}")
                continue
        started.append(claim.folder)
    return started


def stop(workspace: Workspace, folder: ExecutionFolder, *, at_once: bool = False) -> bool:
    """Ask a run to stop, or take it out of the queue; return False when it is over already.

    Raises:
        RecordError: its state cannot be read.
        OSError: the command cannot be written.
    """
    status = read_status(folder.status)
    if status.is_over:
        return False
    if status.state == "queued" and Queue(workspace).cancel(folder):
        message = "cancelled before it started"
        ended = status.change(state="stopped", reason="user", message=message, ended=time.time())
        write_status(folder.status, ended)
        with contextlib.suppress(OSError):
            append_event(folder.events, make_event("end", state="stopped", reason="user", message=message))
        _append(folder, "INFO", f"Run {message}")
        return True
    send_stop(folder, at_once=at_once)
    return True


def start_what_waits(workspace: Workspace) -> None:
    """Start what waits and may start, for whoever looks. A queue that is in use, or cannot be used, is left alone."""
    with contextlib.suppress(OSError):
        if Queue(workspace).waiting():
            start_next(workspace)


def hand_over_slot(workspace: Workspace, folder: ExecutionFolder) -> None:
    """Free the slot of a run that is over and start what is next. Raises nothing: a log entry tells what failed."""
    try:
        Queue(workspace).release(folder)
        start_next(workspace)
    except OSError as error:
        _append(folder, "WARNING", f"The next run could not be started: {error}")


def _append(folder: ExecutionFolder, level: str, message: str) -> None:
    with contextlib.suppress(OSError):
        append_entry(folder.log, level, "Queue", message)


def _tracker_secrets(config: Any, secrets: Mapping[str, str]) -> dict[str, str]:
    """Return secrets by ``<tracker type>.<option>`` from secrets by their path in the config."""
    found = {}
    for path, value in secrets.items():
        parts = path.split(".")
        if parts[:2] == ["tracking", "trackers"] and len(parts) == 4:
            found[f"{config.tracking.trackers[int(parts[2])].type}.{parts[3]}"] = value
    return found


def _without_secrets(value: Any, hidden: list[str]) -> Any:
    if isinstance(value, dict):
        return {name: _without_secrets(item, hidden) for name, item in value.items()}
    if isinstance(value, list):
        return [_without_secrets(item, hidden) for item in value]
    return hide_secrets(value, hidden) if isinstance(value, str) else value
