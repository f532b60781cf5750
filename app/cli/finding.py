"""Which run a person means by what was typed: a path, an id, a name, or what one of them begins with."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from app.cli.opening import opened
from app.cli.output import complain
from app.records.index import Index
from app.records.index.values import Ids
from app.records.layout import ExecutionFolder, Workspace
from app.records.runs import is_execution, read_run
from app.records.sources.base import RunRecord, Source
from app.records.sources.executions import Executions

_MOST_LISTED = 20


@dataclass(frozen=True, slots=True)
class FoundRun:
    """A run, and the source that reads its series; None for an execution that was taken out of its workspace."""

    record: RunRecord
    source: Source | None


def find(workspace: Workspace, text: str) -> FoundRun | None:
    """Return the run that is meant; where none or several are, say so and return None."""
    path = Path(os.path.abspath(os.path.expanduser(text)))
    folder = ExecutionFolder(path.resolve())
    execution = _execution_in(folder)
    if execution is not None:
        return execution
    with opened(workspace) as (library, _):
        index = library.index
        ids = _at(index, workspace, path)
        if not len(ids):
            ids = index.find(text)
        if len(ids) == 1:
            run = int(ids[0])
            return FoundRun(index.record(run), library.source(library.address(run).source))
        if len(ids):
            _list(index, text, ids)
            return None
    if is_execution(folder):
        return _stray(folder)
    complain(f"no run {text!r} in {workspace.root}; 'trackside runs' lists them")
    return None


def _execution_in(folder: ExecutionFolder) -> FoundRun | None:
    """Return the execution of a folder, in whichever workspace; None for what is none or lies in no workspace."""
    if not is_execution(folder):
        return None
    home = Workspace.around(folder.path).root
    source = Executions(home)
    try:
        return FoundRun(source.read(folder.path.relative_to(home).as_posix()), source)
    except KeyError:
        return None


def _at(index: Index, workspace: Workspace, path: Path) -> Ids:
    """Return the runs that lie in a folder or a file, which several may share."""
    ids = index.query()
    meant = {str(each) for each in (path, path.resolve())}
    meant |= {os.path.relpath(each, workspace.root).replace(os.sep, "/") for each in meant}
    return ids[index.table(ids, ["path"])["path"].having(lambda each: each in meant)]


def _stray(folder: ExecutionFolder) -> FoundRun:
    run = read_run(folder, Workspace.around(folder.path))
    status = run.status
    record = RunRecord(
        source="execution",
        key="",
        id=run.id,
        name=run.execution_id,
        experiment=run.experiment,
        path=folder.path,
        state=status.state,
        started=status.started,
        ended=status.ended,
        metrics=run.metrics,
        problems=run.problems,
    )
    return FoundRun(record, None)


def _list(index: Index, text: str, ids: Ids) -> None:
    complain(f"{text!r} could be {len(ids):,} runs")
    for record in index.records(ids[:_MOST_LISTED]):
        print(f"  {record.name}  {record.id}  {record.experiment}  {record.state}  {record.path}")
    if len(ids) > _MOST_LISTED:
        print(f"  ... and {len(ids) - _MOST_LISTED:,} more")
