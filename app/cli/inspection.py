"""``trackside runs``, ``show``, ``follow`` and ``stop``."""

from __future__ import annotations

import argparse
import time
from typing import Any

from app.cli.output import EXIT_WRONG, complain, format_duration, format_number, format_time, print_table, workspace_of
from app.jobs.scheduling import start_what_waits
from app.jobs.scheduling import stop as stop_run
from app.jobs.settling import settle_dead_runs
from app.records.files import RecordError, read_json, to_json
from app.records.layout import Workspace
from app.records.live import LinesTail, LiveRun
from app.records.metrics import read_elapsed
from app.records.runs import Run, RunNotFoundError, find_run, read_runs

_FOLLOW_SECONDS = 0.2


def runs(arguments: argparse.Namespace) -> int:
    """List the runs of the workspace, the newest first."""
    workspace = workspace_of(arguments.workspace)
    found = sorted(
        read_runs(workspace), key=lambda run: run.status.started or run.status.submitted or 0.0, reverse=True
    )
    settle_dead_runs(found)
    start_what_waits(workspace)
    if arguments.json:
        print(to_json([run.to_json() for run in found]).decode(), end="")
        return 0
    if not found:
        print(f"No runs in {workspace.root} yet; 'trackside train CONFIG' makes one")
        return 0
    print_table(["STATE", "RUN", "EXPERIMENT", "STARTED", "TIME", "METRICS"], [_row(run) for run in found])
    for run in found:
        for problem in run.problems:
            complain(problem)
    return 0


def show(arguments: argparse.Namespace) -> int:
    """Show one run."""
    workspace = workspace_of(arguments.workspace)
    run = _find(workspace, arguments.run)
    if run is None:
        return EXIT_WRONG
    settle_dead_runs([run])
    if arguments.json:
        print(to_json(run.to_json() | _details(run)).decode(), end="")
        return 0
    print(f"{run.execution_id}  {run.experiment}")
    status = run.status
    print(f"  {'state':<10} {_state(run)}")
    for name, value in (
        ("message", (status.message or "").replace("\n", "\n" + " " * 13)),
        ("id", run.id),
        ("started", format_time(status.started)),
        ("ended", format_time(status.ended)),
        ("time", format_duration(_duration(run))),
        ("folder", str(run.folder.path)),
    ):
        if value:
            print(f"  {name:<10} {value}")
    if run.metrics:
        print()
        rows = [
            [name, *(format_number(value) for value in (m.last, m.min, m.max)), str(m.count)]
            for name, m in sorted(run.metrics.items())
        ]
        print_table(["METRIC", "LAST", "MIN", "MAX", "EPOCHS"], rows)
    for problem in run.problems:
        complain(problem)
    return 0


def follow(arguments: argparse.Namespace) -> int:
    """Print a run's log as it is written, until the run ends; return its exit status as ``train`` would."""
    workspace = workspace_of(arguments.workspace)
    run = _find(workspace, arguments.run)
    if run is None:
        return EXIT_WRONG
    lines = LinesTail(run.folder.log)
    try:
        live = LiveRun(run.folder)
    except RecordError:  # a run of an older system: its log is all there is
        print("\n".join(lines.new_lines()))
        return 0
    while True:
        live.refresh()
        over = live.is_over
        for line in lines.new_lines():
            print(line, flush=True)
        if over:
            settle_dead_runs([run])
            return {"finished": 0, "stopped": 130}.get(live.status.state, 1)
        time.sleep(_FOLLOW_SECONDS)


def stop(arguments: argparse.Namespace) -> int:
    """Ask a run to stop, or cancel a queued one."""
    workspace = workspace_of(arguments.workspace)
    run = _find(workspace, arguments.run)
    if run is None:
        return EXIT_WRONG
    home = Workspace.around(run.folder.path)
    if run.status.is_over or not stop_run(home, run.folder, at_once=arguments.now):
        settle_dead_runs([run])
        complain(f"{run.execution_id} is over already ({run.state})")
        return 1
    print(f"{run.execution_id}: {'cancelled' if run.state == 'queued' else 'stopping'}")
    return 0


def _find(workspace: Workspace, text: str) -> Run | None:
    try:
        return find_run(workspace, text)
    except RunNotFoundError as error:
        complain(str(error))
        for run in error.candidates:
            print(f"  {run.execution_id}  {run.id}  {run.experiment}  {run.state}")
        return None


def _details(run: Run) -> dict[str, Any]:
    """Return what ``show`` has beyond the list: config, elapsed times."""
    details: dict[str, Any] = {"config": None, "elapsed": {}}
    try:
        details["elapsed"] = read_elapsed(run.folder.metrics)
        details["config"] = read_json(run.folder.document)
    except RecordError:
        pass
    return details


def _row(run: Run) -> list[str]:
    tests = [name for name in sorted(run.metrics) if name.startswith("test_") and name != "test_loss"]
    wanted = [*[name for name in ("val_loss", "loss") if name in run.metrics][:1], *tests[:2]]
    metrics = "  ".join(f"{name} {format_number(run.metrics[name].last)}" for name in wanted)
    return [
        _state(run),
        run.execution_id,
        run.experiment,
        format_time(run.status.started),
        format_duration(_duration(run)),
        metrics,
    ]


def _state(run: Run) -> str:
    if run.silent_seconds is not None:
        return f"{run.state} (not responding for {format_duration(run.silent_seconds)})"
    return f"{run.state} ({run.status.reason})" if run.status.reason else run.state


def _duration(run: Run) -> float | None:
    started, ended = run.status.started, run.status.ended
    if started is None:
        return None
    if ended is None:
        return None if run.status.is_over else time.time() - started
    return ended - started
