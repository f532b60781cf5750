"""``trackside source`` and ``trackside index``: the folders whose runs a workspace shows, and the index of these."""

from __future__ import annotations

import argparse
import contextlib
import os
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from app.cli.opening import bring_up_to_date, opened
from app.cli.output import EXIT_FAILED, EXIT_WRONG, complain, print_json_lines, print_table, printable, workspace_of
from app.records.files import RecordError
from app.records.index import Index
from app.records.layout import Workspace
from app.records.library import Library, source_name
from app.records.sources.discovery import find_sources
from app.records.sources.external import ExternalSources


def source(arguments: argparse.Namespace) -> int:
    """Add, list or remove the folders whose runs the workspace shows."""
    workspace = workspace_of(arguments.workspace)
    if arguments.action == "list":
        return _list(workspace, as_json=arguments.json)
    folder = Path(os.path.abspath(arguments.folder.expanduser()))
    return _add(workspace, folder) if arguments.action == "add" else _remove(workspace, folder)


def index(arguments: argparse.Namespace) -> int:
    """Make the index of the workspace anew from nothing."""
    workspace = workspace_of(arguments.workspace)
    begun = time.monotonic()
    with Library(workspace) as library:
        if not library.index.is_kept:
            complain(f"{workspace.private}: the index cannot be written here")
            return EXIT_FAILED
        library.rebuild()
        problems = bring_up_to_date(library)
        count = len(library.index.query())
    print(f"{_counted(count)} indexed anew in {time.monotonic() - begun:.1f} s")
    _tell(library.problems)
    for each in problems.values():
        _tell(each)
    return 0


def _add(workspace: Workspace, folder: Path) -> int:
    if folder == workspace.root:
        print(_already_shown(folder, {None}))
        return 0
    found = find_sources(folder)
    _tell(found.problems)
    if not found.sources:
        if not found.problems:
            complain(f"{folder}: no runs of a kind that can be read")
        return EXIT_WRONG
    with Library(workspace, memory=True) as library:
        library.search()
        names = [source_name(each, workspace.root) for each in found.sources]
        if all(name in library.places for name in names):
            print(_already_shown(folder, {library.places[name].folder for name in names}))
            return 0
        ExternalSources(workspace).add(folder)
        print(f"added {folder}")
        counts = [len(library.source(name).scan({}).changed) for name in names]
        rows = [[each.kind, _counted(count), str(each.root)] for each, count in zip(found.sources, counts, strict=True)]
        print_table(["KIND", "RUNS", "PATH"], rows)
    return 0


def _already_shown(folder: Path, holders: set[Path | None]) -> str:
    if None in holders:
        return f"{folder} is part of the workspace: its runs are found without being added"
    if folder in holders:
        return f"{folder} was added before"
    return f"{folder}: its runs are shown already, with those of {', '.join(sorted(map(str, holders)))}"


def _remove(workspace: Workspace, folder: Path) -> int:
    added = ExternalSources(workspace)
    if added.remove(folder):
        print(f"removed {folder}; nothing in it was touched")
        return 0
    if folder.is_relative_to(workspace.root):
        complain(f"{folder} is part of the workspace; its runs are shown as long as they are there")
    else:
        complain(f"{folder} was not added; 'trackside source list' shows what was")
    return EXIT_WRONG


@dataclass(frozen=True, slots=True)
class _Row:
    """A source as it is listed; ``folder`` is the added folder that it was found in, None within the workspace."""

    name: str
    kind: str | None
    path: str
    folder: str | None
    runs: int
    problems: tuple[str, ...]


def _list(workspace: Workspace, *, as_json: bool) -> int:
    with opened(workspace) as (library, problems):
        counts = _counts(library.index)
        rows = [
            _Row(
                place.name,
                place.kind,
                str(place.root),
                None if place.folder is None else str(place.folder),
                counts.get(place.name, 0),
                problems.get(place.name, ()),
            )
            for place in library.places.values()
        ]
        rows += _away(workspace, library, counts)
        rows += _without_sources(workspace, {row.folder for row in rows})
        if as_json:
            print_json_lines(map(asdict, rows))
        else:
            cells = [[row.kind or "", f"{row.runs:,}", row.path, row.folder or "the workspace"] for row in rows]
            print_table(["KIND", "RUNS", "PATH", "FOUND IN"], cells)
            for row in rows:
                _tell(row.problems)
        _tell(library.problems)
    return 0


def _counts(index: Index) -> dict[str, int]:
    """Return how many runs each source has."""
    return {str(group.value): group.count for group in index.group(index.query(), "origin")}


def _away(workspace: Workspace, library: Library, counts: dict[str, int]) -> list[_Row]:
    """Return the sources whose folder is not there now, so that their runs are shown as they were."""
    found = []
    for name in library.index.sources():
        if name not in library.places:
            kind, _, path = name.partition(":")
            root = Path(os.path.normpath(workspace.root / path))
            folder = next((str(each) for each in _added(workspace) if root.is_relative_to(each)), None)
            problem = f"{root}: not there now"
            found.append(_Row(name, kind.partition("-")[0], str(root), folder, counts.get(name, 0), (problem,)))
    return found


def _without_sources(workspace: Workspace, known: set[str | None]) -> list[_Row]:
    """Return the added folders in which there is nothing that no other folder has."""
    problem = "nothing is found in it that is not listed already"
    left = [str(folder) for folder in _added(workspace) if str(folder) not in known]
    return [_Row("", None, folder, folder, 0, (f"{folder}: {problem}",)) for folder in left]


def _added(workspace: Workspace) -> list[Path]:
    with contextlib.suppress(RecordError):  # the library has told it
        return ExternalSources(workspace).folders()
    return []


def _tell(problems: Iterable[str]) -> None:
    for problem in problems:
        complain(printable(problem))


def _counted(count: int) -> str:
    return "1 run" if count == 1 else f"{count:,} runs"
