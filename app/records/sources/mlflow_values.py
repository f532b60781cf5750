"""What MLflow's file stores and databases have in common: how their words and numbers become those of a run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

from app.records.sources.base import Param

#: The numbers are those of RunStatus in MLflow's ``protos/service.proto``: file stores hold them, databases the words.
_STATES = {
    "RUNNING": "running",
    "SCHEDULED": "queued",
    "FINISHED": "finished",
    "FAILED": "failed",
    "KILLED": "stopped",
    "1": "running",
    "2": "queued",
    "3": "finished",
    "4": "failed",
    "5": "stopped",
}
_CONSTANTS: dict[str, Param] = {"True": True, "False": False, "None": None}
_LONGEST_NUMBER = 32
_MOST_PROBLEMS = 20
_DRIVE = re.compile(r"/?[A-Za-z]:[/\\]")


def state_of(status: str) -> str:
    """Return the state for a status of MLflow, "" for one that it does not have.

    A run whose program was killed stays RUNNING in MLflow for ever: its record says so, and nothing else is known.
    """
    return _STATES.get(status.upper(), "")


def seconds_of(milliseconds: str | int | float | None) -> float | None:
    """Return the time of a run's start or end in seconds since the epoch, None for what is no time."""
    try:
        return None if milliseconds is None else int(milliseconds) / 1000
    except (ValueError, OverflowError):
        return None


@lru_cache(maxsize=4096)
def param_of(text: str) -> Param:
    """Return a param as a number, a truth value or None where ``str`` of that gives the very text that MLflow keeps.

    So nothing is lost: ``0.1`` and ``True`` are values again, ``1e-3`` and ``010`` stay the text that was logged.
    """
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if len(text) <= _LONGEST_NUMBER:
        for kind in (float,) if "." in text else (int, float):
            try:
                value = kind(text)
            except ValueError:
                continue
            if str(value) == text:
                return value
    return text


def name_of(run_id: str, names: list[str | None], tags: Mapping[str, str]) -> str:
    """Return what a person calls a run: the first name that its record has, else the tag with its name, else its id."""
    return next((name for name in [*names, tags.get("mlflow.runName")] if name), run_id)


def local_path(uri: str) -> Path | None:
    """Return the path on this computer that an artifact URI names, None for one that names another place."""
    if _DRIVE.match(uri) or not re.match(r"[\w+.\-]+:", uri):
        return Path(uri)
    try:
        parts = urlsplit(uri)
    except ValueError:
        return None
    if parts.scheme != "file" or parts.netloc not in ("", "localhost"):
        return None
    path = unquote(parts.path)
    return Path(path[1:] if path.startswith("/") and _DRIVE.match(path) else path)


def is_folder_within(path: Path, store: Path) -> bool:
    """Whether a folder is there and, once its symbolic links are followed, below the store."""
    try:
        return path.is_dir() and path.resolve().is_relative_to(store.resolve())
    except (OSError, ValueError, RuntimeError):  # no access, a zero byte, a loop of links
        return False


def some_of(problems: list[str]) -> tuple[str, ...]:
    """Return the first problems, and a sentence for how many more there are."""
    if len(problems) <= _MOST_PROBLEMS:
        return tuple(problems)
    return (*problems[:_MOST_PROBLEMS], f"There are {len(problems) - _MOST_PROBLEMS} more problems like these.")
