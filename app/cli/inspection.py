"""``trackside show``, ``series``, ``follow`` and ``stop``."""

from __future__ import annotations

import argparse
import difflib
import math
import time
from collections.abc import Iterable
from typing import Any

from app.cli.describing import duration, run_to_json, state_text, status_of
from app.cli.finding import find
from app.cli.output import (
    EXIT_WRONG,
    cell,
    complain,
    format_duration,
    format_number,
    format_time,
    print_json_lines,
    print_table,
    printable,
    workspace_of,
)
from app.jobs.scheduling import stop as stop_run
from app.jobs.settling import settle_dead_runs
from app.records.files import RecordError, read_json, to_json
from app.records.layout import TRAININGS, ExecutionFolder, Workspace
from app.records.live import LinesTail, LiveRun
from app.records.metrics import read_elapsed
from app.records.runs import Run, RunNotFoundError, find_run, read_run
from app.records.sources.base import RunRecord

_FOLLOW_SECONDS = 0.2
_MOST_NAMED = 5


def show(arguments: argparse.Namespace) -> int:
    """Show one run."""
    workspace = workspace_of(arguments.workspace)
    found = find(workspace, arguments.run)
    if found is None:
        return EXIT_WRONG
    record = found.record
    if record.source == "execution":
        settle_dead_runs([read_run(ExecutionFolder(record.path), workspace, experiment="", metrics=False)])
    if arguments.json:
        print(to_json(run_to_json(record) | _details(record)).decode(), end="")
        return 0
    status = status_of(record)
    print(printable(f"{record.name}  {record.experiment}"))
    print(f"  {'state':<10} {state_text(record, status)}")
    message = (status.message if status else None) or ""
    for name, value in (
        ("source", "" if record.source == "execution" else record.source),
        ("message", message.replace("\n", "\n" + " " * 13)),
        ("id", record.id),
        ("started", format_time(record.started)),
        ("ended", format_time(record.ended)),
        ("time", format_duration(duration(record))),
        ("folder" if record.path.is_dir() else "file", printable(str(record.path))),
        ("tags", printable(", ".join(f"{name}={text}" if text else name for name, text in record.tags.items()))),
    ):
        if value:
            print(f"  {name:<10} {value}")
    if record.metrics:
        print()
        rows = [
            [name, *(format_number(value) for value in (m.last, m.min, m.max)), str(m.count)]
            for name, m in sorted(record.metrics.items())
        ]
        print_table(["METRIC", "LAST", "MIN", "MAX", "EPOCHS" if record.source == "execution" else "POINTS"], rows)
    if record.params and record.source != "execution":
        print()
        print_table(["PARAM", "VALUE"], [[name, cell(value)] for name, value in sorted(record.params.items())])
    for problem in record.problems:
        complain(problem)
    return 0


def series(arguments: argparse.Namespace) -> int:
    """Print the points of a metric of one run."""
    found = find(workspace_of(arguments.workspace), arguments.run)
    if found is None:
        return EXIT_WRONG
    record = found.record
    if found.source is None:
        complain(f"{record.path}: only an execution below a folder {TRAININGS}/ can be asked for its series")
        return EXIT_WRONG
    try:
        points = found.source.series(record.key, arguments.metric)
    except KeyError:
        complain(f"{record.name} has no metric {arguments.metric!r}{_closest(arguments.metric, list(record.metrics))}")
        return EXIT_WRONG
    rows: Iterable[tuple[int, float, float]] = points.tolist()
    if arguments.json:
        print_json_lines({"step": step, "time": _known(when), "value": value} for step, when, value in rows)
    elif arguments.csv:
        print("step,time,value")
        for step, when, value in rows:
            print(f"{step},{cell(_known(when))},{cell(value)}")
    else:
        cells = [[str(step), format_time(_known(when)), cell(value)] for step, when, value in rows]
        print_table(["STEP", "TIME", "VALUE"], cells)
    return 0


def follow(arguments: argparse.Namespace) -> int:
    """Print a run's log as it is written, until the run ends; return its exit status as ``train`` would."""
    workspace = workspace_of(arguments.workspace)
    run = _find_execution(workspace, arguments.run, "followed")
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
    run = _find_execution(workspace, arguments.run, "stopped")
    if run is None:
        return EXIT_WRONG
    home = Workspace.around(run.folder.path)
    if run.status.is_over or not stop_run(home, run.folder, at_once=arguments.now):
        settle_dead_runs([run])
        complain(f"{run.execution_id} is over already ({run.state})")
        return 1
    print(f"{run.execution_id}: {'cancelled' if run.state == 'queued' else 'stopping'}")
    return 0


def _find_execution(workspace: Workspace, text: str, verb: str) -> Run | None:
    """Return the execution that is meant; where none or several are, or a run of another source is, say so."""
    try:
        return find_run(workspace, text)
    except RunNotFoundError as error:
        if not error.candidates:
            found = find(workspace, text)
            if found is not None:
                complain(f"{found.record.name} is a run of {found.record.source}; only executions can be {verb}")
            return None
        complain(str(error))
        for run in error.candidates:
            print(f"  {run.execution_id}  {run.id}  {run.experiment}  {run.state}")
        return None


def _details(record: RunRecord) -> dict[str, Any]:
    """Return what ``show`` has of an execution beyond the list: config, elapsed times."""
    if record.source != "execution":
        return {}
    folder = ExecutionFolder(record.path)
    details: dict[str, Any] = {"config": None, "elapsed": {}}
    try:
        details["elapsed"] = read_elapsed(folder.metrics)
        details["config"] = read_json(folder.document)
    except RecordError:
        pass
    return details


def _closest(metric: str, names: list[str]) -> str:
    """Return how to go on after a name that no metric has."""
    if not names:
        return "; it has none"
    by_fold = {name.casefold(): name for name in names}
    near = difflib.get_close_matches(metric.casefold(), by_fold, _MOST_NAMED)
    if near:
        return f"; did you mean {' or '.join(by_fold[name] for name in near)}?"
    more = f" and {len(names) - _MOST_NAMED:,} more" if len(names) > _MOST_NAMED else ""
    return f", but {', '.join(names[:_MOST_NAMED])}{more}"


def _known(when: float) -> float | None:
    return when if math.isfinite(when) else None
