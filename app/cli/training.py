"""``trackside train`` and ``trackside check``."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import signal
import sys
import threading
import time
from types import FrameType
from typing import Self

from tqdm import tqdm

from app.cli.output import (
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    EXIT_WRONG,
    complain,
    complain_of_problems,
    tell_of_conversion,
    workspace_of,
)
from app.cli.progress import Progress
from app.config.catalog import work_in
from app.config.loading import load
from app.config.problems import ConfigError, Problem
from app.config.secrets import redact
from app.config.trust import UntrustedError, require_trust
from app.jobs.queue import Queue
from app.jobs.scheduling import start_what_waits, stop, submit
from app.jobs.settling import settle_dead_runs
from app.records.files import RecordError
from app.records.layout import ExecutionFolder, Workspace
from app.records.live import LiveRun
from app.records.runs import read_run

_REFRESH_SECONDS = 0.1
#: How often whoever waits in the queue looks whether a slot has become free without anyone starting what is next.
_LOOK_SECONDS = 1.0
#: How long mirrors may take to close after the end of the run before the command line stops waiting for them.
_CLOSE_SECONDS = 60.0


def check(arguments: argparse.Namespace) -> int:
    """List what is wrong with a config: all that keeps it from being trained in this workspace, as far as it shows."""
    workspace = workspace_of(arguments.workspace)
    work_in(workspace.root)
    try:
        loaded = load(arguments.config, arguments.overrides)
    except ConfigError as error:
        tell_of_conversion(str(arguments.config), error.conversion)
        return _refuse(arguments, error.source, error.problems)
    tell_of_conversion(str(arguments.config), loaded.conversion)
    try:
        require_trust(loaded.document, workspace.root)
    except UntrustedError as error:
        return _refuse(arguments, str(arguments.config), error.problems)
    print("[]" if arguments.json else f"{arguments.config}: no problems")
    return 0


def _refuse(arguments: argparse.Namespace, source: str, problems: list[Problem]) -> int:
    if arguments.json:
        print(json.dumps([dataclasses.asdict(problem) for problem in problems], indent=2, ensure_ascii=False))
    else:
        complain_of_problems(source, problems)
    return EXIT_WRONG


def train(arguments: argparse.Namespace) -> int:
    """Train a config and wait for its end; the last line on standard output is the execution's folder."""
    workspace = workspace_of(arguments.workspace)
    work_in(workspace.root)
    try:
        loaded = load(arguments.config, arguments.overrides)
    except ConfigError as error:
        tell_of_conversion(str(arguments.config), error.conversion)
        complain_of_problems(error.source, error.problems)
        return EXIT_WRONG
    tell_of_conversion(str(arguments.config), loaded.conversion)
    if redact(loaded.document)[1]:
        complain("the secrets in this config are not recorded; a run that has to wait finds them in the keyring only")
    with _Interrupts() as interrupts:
        try:
            folder = submit(loaded, workspace, command=["trackside", *sys.argv[1:]])
        except UntrustedError as error:
            complain_of_problems(str(arguments.config), error.problems)
            return EXIT_WRONG
        except OSError as error:
            complain(f"the run could not be recorded in {workspace.root}: {error.strerror or error}")
            return EXIT_FAILED
        if arguments.detach:
            print(folder.path)
            return 0
        run = _follow(workspace, folder, interrupts)
        _wait_for_mirrors(run, interrupts)
    status = run.status
    if status.state != "finished" or status.reason:
        print(f"{status.state.capitalize()}{': ' + status.message if status.message else ''}", file=sys.stderr)
    print(folder.path, flush=True)
    if status.state == "stopped":
        return EXIT_INTERRUPTED
    return 0 if status.state == "finished" else EXIT_FAILED


class _Interrupts:
    """Ctrl+C asks the run to stop; pressed again it ends it at once."""

    def __init__(self) -> None:
        self.count = 0
        self.pressed = threading.Event()

    def __enter__(self) -> Self:
        self._before = signal.signal(signal.SIGINT, self._press)
        return self

    def __exit__(self, *exception: object) -> None:
        signal.signal(signal.SIGINT, self._before)

    def _press(self, number: int, frame: FrameType | None) -> None:
        self.count += 1
        self.pressed.set()


def _follow(workspace: Workspace, folder: ExecutionFolder, interrupts: _Interrupts) -> LiveRun:
    run = LiveRun(folder)
    answered, look_due = 0, time.monotonic() + _LOOK_SECONDS
    with Progress() as progress:
        while not run.is_over:
            interrupts.pressed.wait(_REFRESH_SECONDS)
            interrupts.pressed.clear()
            if interrupts.count > answered:
                answered = interrupts.count
                tqdm.write("Stopping ..." if answered == 1 else "Ending it now ...", file=sys.stderr)
                try:
                    stop(workspace, folder, at_once=answered > 1)
                except (OSError, RecordError) as error:
                    tqdm.write(f"It cannot be asked to stop: {error}", file=sys.stderr)
            events = run.refresh()
            if run.status.state == "queued" and time.monotonic() >= look_due:
                look_due = time.monotonic() + _LOOK_SECONDS
                start_what_waits(workspace)
            progress.show(run, _describe(workspace, run), events)
    if not run.is_kept:
        settle_dead_runs([read_run(folder, workspace, metrics=False)])
    return run


def _describe(workspace: Workspace, run: LiveRun) -> str:
    if run.status.state == "queued":
        waiting: list[ExecutionFolder] = []
        with contextlib.suppress(OSError):  # the queue is in use: the next look tells
            waiting = Queue(workspace).waiting()
        if run.folder in waiting:
            return f"queued, {waiting.index(run.folder)} before it" if waiting[0] != run.folder else "queued, next"
    return run.stage.replace("_", " ") or run.status.state


def _wait_for_mirrors(run: LiveRun, interrupts: _Interrupts) -> None:
    deadline = time.monotonic() + _CLOSE_SECONDS
    pressed = interrupts.count
    while run.is_kept and time.monotonic() < deadline and interrupts.count == pressed:
        time.sleep(_REFRESH_SECONDS / 2)
