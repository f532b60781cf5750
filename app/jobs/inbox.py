"""commands/: what anyone may ask of a run, one small file each, put there at once and removed when answered."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from app.records.files import RecordError, read_json, replace_file, to_json
from app.records.layout import ExecutionFolder
from app.records.processes import user_name

STOP = "stop"


@dataclass(frozen=True, slots=True)
class Command:
    """One command: what is asked, by whom and when (UTC seconds). ``at_once`` stops without asking the worker first."""

    id: str
    command: str
    by: str
    time: float
    at_once: bool = False


def send_stop(folder: ExecutionFolder, *, at_once: bool = False) -> Command:
    """Ask the run's keeper to stop it.

    Raises:
        OSError: the command could not be written.
    """
    command = Command(str(uuid.uuid4()), STOP, user_name(), time.time(), at_once)
    folder.commands.mkdir(exist_ok=True)
    fields = {"command": command.command, "by": command.by, "time": command.time, "at_once": at_once}
    replace_file(folder.commands / f"{command.id}.json", to_json(fields))
    return command


def read_commands(folder: ExecutionFolder) -> Iterator[tuple[Path, Command | str]]:
    """Yield every file of the inbox with its command, or with what is wrong with it."""
    try:
        entries = sorted(Path(entry.path) for entry in os.scandir(folder.commands) if entry.name.endswith(".json"))
    except OSError:
        return
    for path in entries:
        if path.name.startswith("."):
            continue  # being written
        try:
            value = read_json(path)
        except RecordError as error:
            yield path, str(error)
            continue
        if not isinstance(value, dict) or value.get("command") != STOP:
            asked = value.get("command") if isinstance(value, dict) else value
            yield path, f"{path.name}: unknown command {asked!r}; valid is {STOP!r}"
            continue
        by, when = value.get("by"), value.get("time")
        yield (
            path,
            Command(
                path.stem,
                STOP,
                by if isinstance(by, str) else "unknown",
                float(when) if isinstance(when, int | float) else time.time(),
                value.get("at_once") is True,
            ),
        )
