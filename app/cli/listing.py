"""``trackside runs``: the runs of every source of a workspace, asked for, in order, as a table, as JSON or as csv."""

from __future__ import annotations

import argparse
import csv
import os
import sys
import unicodedata
from collections.abc import Iterable, Iterator

import numpy as np

from app.cli.describing import duration, key_metrics, run_to_json, state_text, status_of
from app.cli.opening import opened
from app.cli.output import (
    EXIT_WRONG,
    cell,
    complain,
    format_duration,
    format_time,
    print_json_lines,
    print_table,
    printable,
    workspace_of,
)
from app.jobs.scheduling import start_what_waits
from app.jobs.settling import settle_dead_runs
from app.records.index import Index
from app.records.index.values import Ids
from app.records.layout import ExecutionFolder, Workspace
from app.records.library import OWN
from app.records.query import Field, QueryError, parse_key
from app.records.runs import Run, read_run
from app.records.sources.base import RunRecord

#: Runs that are in memory at once.
_BLOCK = 2_048
_MOST_PROBLEMS = 20
_PLAIN = ("source", "id", "name", "experiment", "state", "started", "ended", "path")
_STARTED = Field("run", "started")


def runs(arguments: argparse.Namespace) -> int:
    """List the runs of the workspace, those that wait first and then the newest first, unless an order is given."""
    workspace = workspace_of(arguments.workspace)
    with opened(workspace) as (library, problems):
        index = library.index
        settle_dead_runs(_left_open(index, workspace))
        start_what_waits(workspace)
        ids = _chosen(index, arguments)
        if ids is None:
            return EXIT_WRONG
        found = _records(index, ids)
        if arguments.json:
            print_json_lines(map(run_to_json, found))
        elif arguments.csv:
            _print_csv(list(found))
        elif len(ids):
            _print_table(list(found))
        elif arguments.query:
            print("No run meets the query")
        else:
            print(f"No runs in {workspace.root} yet; 'trackside train CONFIG' makes one")
        _tell([*library.problems, *(problem for each in problems.values() for problem in each)])
    return 0


def _chosen(index: Index, arguments: argparse.Namespace) -> Ids | None:
    """Return the runs that are asked for; where the query or the key is wrong, say so and return None."""
    key = arguments.sort
    field, descending = _STARTED, True
    if key is not None:
        descending = key.startswith("-")
        try:
            field = index.names().find(parse_key(key[descending:]))
        except QueryError as error:
            _complain_of_query(error, key[descending:])
            return None
    try:
        ids = index.query(arguments.query, (field, descending))
    except QueryError as error:
        _complain_of_query(error, arguments.query)
        return None
    if key is None:
        waits = index.table(ids, ["state"])["state"].having(lambda state: state == "queued")
        ids = np.concatenate([ids[waits][::-1], ids[~waits]])
    return ids[: arguments.limit]


def _complain_of_query(error: QueryError, text: str) -> None:
    """Say what is wrong with a query, with a line that points at it."""
    complain(str(error))
    before, meant = text[: error.start], text[error.start : error.end]
    shown = "".join(char if char.isprintable() else " " for char in text)
    print(f"  {shown}\n  {' ' * _width(before)}{'^' * max(1, _width(meant))}", file=sys.stderr)


def _width(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    return len(text) + wide - sum(unicodedata.combining(char) != 0 for char in text)


def _left_open(index: Index, workspace: Workspace) -> Iterator[Run]:
    """Yield the executions that may have been left by their processes: those that crashed, or left scratch files."""
    ids = index.query(f'origin = "{OWN}"')
    table = index.table(ids, ["path", "state"])
    for path, state in zip(table["path"], table["state"], strict=True):
        folder = ExecutionFolder(workspace.root / str(path))
        if state == "crashed" or os.path.exists(folder.scratch):
            yield read_run(folder, workspace, experiment="", metrics=False)


def _records(index: Index, ids: Ids) -> Iterator[RunRecord]:
    for start in range(0, len(ids), _BLOCK):
        yield from index.records(ids[start : start + _BLOCK])


def _print_csv(records: list[RunRecord]) -> None:
    """Print a row a run: what every run has, the last value of each metric, then params and tags."""
    metrics, params, tags = (
        list(dict.fromkeys(name for record in records for name in getattr(record, part)))
        for part in ("metrics", "params", "tags")
    )
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(
        [
            *_PLAIN,
            *(f"metrics.{name}" for name in metrics),
            *(f"params.{name}" for name in params),
            *(f"tags.{name}" for name in tags),
            "problems",
        ]
    )
    for record in records:
        writer.writerow(
            [
                *(cell(getattr(record, name)) for name in _PLAIN),
                *(cell(record.metrics[name].last) if name in record.metrics else "" for name in metrics),
                *(cell(record.params.get(name)) for name in params),
                *(record.tags.get(name, "") for name in tags),
                "; ".join(record.problems),
            ]
        )


def _print_table(records: list[RunRecord]) -> None:
    with_source = len({record.source for record in records}) > 1
    header = ["STATE", *["SOURCE"] * with_source, "RUN", "EXPERIMENT", "STARTED", "TIME", "METRICS"]
    print_table(header, [_row(record, with_source) for record in records])
    _tell(problem for record in records for problem in record.problems)


def _row(record: RunRecord, with_source: bool) -> list[str]:
    return [
        state_text(record, status_of(record)),
        *[record.source] * with_source,
        record.name,
        record.experiment,
        format_time(record.started),
        format_duration(duration(record)),
        key_metrics(record),
    ]


def _tell(problems: Iterable[str]) -> None:
    told = list(map(printable, problems))
    for problem in told[:_MOST_PROBLEMS]:
        complain(problem)
    if len(told) > _MOST_PROBLEMS:
        complain(f"... and {len(told) - _MOST_PROBLEMS:,} more problems")
