"""The process that keeps the index of a workspace up to date while a window shows it, so that the window never reads.

It is told over its standard input what is wanted, a word a line, and ends with it. On its standard output it tells what
it does, an object a line: the sources that it found, how far the look at one of them is, that all were looked at once,
and, where the index cannot be written, that it keeps nothing and why. Then it ends, and the window reads by itself.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import sys
import threading
from pathlib import Path
from typing import Any

from app.records.index import Progress
from app.records.layout import Workspace
from app.records.library import Library, SourcePlace
from app.records.upkeep import END, Complete, News, Sources, keep_up
from app.start import command

#: How much a process of ours gives way to those that train (Unix niceness).
_NICENESS = 10


def indexing_command(workspace: Workspace) -> list[str]:
    """Return the command line of the process."""
    return command("app.jobs.indexing", str(workspace.root))


def to_line(news: News) -> str:
    """Return what happened as a line of JSON."""
    value: dict[str, Any]
    match news:
        case Sources(places, problems):
            value = {"kind": "sources", "places": [_place_to_json(place) for place in places], "problems": problems}
        case Complete():
            value = {"kind": "complete"}
        case progress:
            value = {
                "kind": "progress",
                "source": progress.source,
                "done": progress.done,
                "total": progress.total,
                "problems": progress.problems,
            }
    return json.dumps(value)


def from_line(line: str) -> News | str:
    """Return what a line of the process tells, or why it keeps nothing.

    Raises:
        ValueError: it is none of its lines.
    """
    match json.loads(line):
        case {"kind": "sources", "places": [*places], "problems": [*problems]}:
            return Sources(tuple(map(_place_from_json, places)), tuple(problems))
        case {"kind": "complete"}:
            return Complete()
        case {"kind": "progress", "source": source, "done": done, "total": total, "problems": [*problems]}:
            return Progress(source, done, total, tuple(problems))
        case {"kind": "useless", "why": str(why)}:
            return why
    raise ValueError(f"not a line of the indexing process: {line!r}")


def main(argv: list[str]) -> int:
    """Keep the index of the workspace ``argv[0]`` up to date until the standard input ends."""
    with contextlib.suppress(AttributeError, OSError):
        os.nice(_NICENESS)
    wanted: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_hear, args=(wanted,), daemon=True).start()
    try:
        with Library(Workspace(Path(argv[0]))) as library:
            if not library.index.is_kept:
                return _give_up(f"{argv[0]}: the index cannot be written here")
            for news in keep_up(library, wanted):
                print(to_line(news), flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        return _give_up(f"{argv[0]}: the index cannot be kept: {error}")
    return 0


def _hear(wanted: queue.SimpleQueue[str]) -> None:
    for line in sys.stdin:
        wanted.put(line.strip())
    wanted.put(END)


def _give_up(why: str) -> int:
    print(json.dumps({"kind": "useless", "why": why}), flush=True)
    return 1


def _place_to_json(place: SourcePlace) -> dict[str, Any]:
    folder = None if place.folder is None else str(place.folder)
    return {"name": place.name, "kind": place.kind, "root": str(place.root), "folder": folder}


def _place_from_json(value: dict[str, Any]) -> SourcePlace:
    folder = value["folder"]
    return SourcePlace(value["name"], value["kind"], Path(value["root"]), None if folder is None else Path(folder))
