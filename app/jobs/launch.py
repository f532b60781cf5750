"""Starting keepers and workers: processes of their own, in sessions of their own, that outlive whoever starts them."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from app.jobs.queue import Claim, Queue
from app.records.events import append_event, make_event
from app.records.files import RecordError
from app.records.layout import ExecutionFolder, Workspace
from app.records.log import append_entry
from app.records.processes import Identity
from app.records.status import read_status, write_status
from app.start import command

#: What a spare prints when its worker is warm, before what that found, as JSON.
READY_LINE = "ready:"

#: Variables of the shell that would send a run elsewhere than its config says.
_UNWANTED = ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "MLFLOW_RUN_ID")
_UNWANTED_PREFIXES = ("MLFLOW_EXPERIMENT_", "WANDB_")


def clean_environment() -> dict[str, str]:
    """Return this process's environment without what must not reach keepers and workers."""
    return {
        name: value
        for name, value in os.environ.items()
        if name not in _UNWANTED and not name.startswith(_UNWANTED_PREFIXES)
    }


def start_process(
    arguments: list[str], *, cwd: Path, output: IO[bytes] | int = subprocess.DEVNULL
) -> subprocess.Popen[bytes]:
    """Start a process of ours in a session of its own; its standard input is a pipe, its output goes to ``output``.

    Raises:
        OSError: it could not be started.
    """
    flags = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0) | getattr(subprocess, "CREATE_NO_WINDOW", 0)
    return subprocess.Popen(
        arguments,
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=subprocess.STDOUT,
        cwd=cwd,
        env=clean_environment(),
        start_new_session=sys.platform != "win32",
        creationflags=flags,
    )


def keeper_command(*arguments: str) -> list[str]:
    """Return the command line of a keeper."""
    return command("app.jobs.keeper", *arguments)


def assign(keeper: subprocess.Popen[bytes], workspace: Workspace, claim: Claim, secrets: Mapping[str, str]) -> None:
    """Tell a keeper over its standard input which run is its own; from then on the claim is the keeper's.

    Raises:
        OSError: the keeper is gone.
    """
    fields: dict[str, Any] = {
        "workspace": str(workspace.root),
        "folder": str(claim.folder.path),
        "token": claim.token,
        "secrets": dict(secrets),
    }
    assert keeper.stdin is not None
    with contextlib.suppress(ProcessLookupError):
        Queue(workspace).take(claim, Identity.of(keeper.pid))
    with keeper.stdin as pipe:
        pipe.write(json.dumps(fields).encode() + b"\n")


def start_keeper(workspace: Workspace, claim: Claim, secrets: Mapping[str, str]) -> None:
    """Start a keeper for a claimed run, cold.

    Raises:
        OSError: it could not be started.
    """
    keeper = start_process(keeper_command("--run"), cwd=workspace.root)
    reap_later(keeper)
    assign(keeper, workspace, claim, secrets)


def fail_to_start(workspace: Workspace, folder: ExecutionFolder, why: str) -> None:
    """Write down that a run could not be started at all, as far as its folder allows, and free its slot.

    Raises:
        OSError: the queue cannot be used.
    """
    with contextlib.suppress(OSError, RecordError):
        status = read_status(folder.status)
        now = time.time()
        write_status(folder.status, status.change(state="failed", reason="error", message=why, started=now, ended=now))
        append_event(folder.events, make_event("end", state="failed", reason="error", message=why))
        append_entry(folder.log, "ERROR", "Keeper", f"Run failed: {why}")
    Queue(workspace).release(folder)


def start_settler(workspace: Workspace, folder: ExecutionFolder) -> None:
    """Start the process that closes record and mirrors of a run whose processes are gone.

    Raises:
        OSError: it could not be started.
    """
    settler = start_process(keeper_command("--settle", str(workspace.root), str(folder.path)), cwd=workspace.root)
    assert settler.stdin is not None
    settler.stdin.close()
    reap_later(settler)


_started: list[subprocess.Popen[bytes]] = []


def reap_later(process: subprocess.Popen[bytes]) -> None:
    """Remember a child that outlives its starter, so that it leaves no zombie while this process lives."""
    _started[:] = [child for child in _started if child.poll() is None]
    _started.append(process)
