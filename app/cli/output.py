"""How things are said on a terminal."""

from __future__ import annotations

import json
import math
import shlex
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from app.config.conversion import Change, Conversion
from app.config.problems import Problem
from app.records.files import replace_file, to_json
from app.records.layout import Workspace

EXIT_FAILED = 1
EXIT_WRONG = 2
EXIT_INTERRUPTED = 130


def workspace_of(folder: Path | None) -> Workspace:
    """Return the workspace that the arguments name, or the one around the current folder."""
    return Workspace.around(Path.cwd()) if folder is None else Workspace.at(folder)


def complain(message: str) -> None:
    """Say what is wrong, on standard error."""
    print(f"trackside: {message}", file=sys.stderr)


def complain_of_problems(source: str, problems: Sequence[Problem]) -> None:
    """List what is wrong with a config, on standard error."""
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    complain(f"{source}: {count}")
    for problem in problems:
        print(f"  {problem}", file=sys.stderr)


def tell_of_conversion(source: str, conversion: Conversion | None) -> None:
    """Say, on standard error, that a config was converted, and what could not be carried over; nothing for None."""
    if conversion is None:
        return
    count = len(conversion.changes)
    changes = "1 change" if count == 1 else f"{count} changes"
    complain(
        f"{source}: an older form (era {conversion.era}), converted with {changes}; "
        f"trackside convert {shlex.quote(source)} lists them"
    )
    for change in conversion.lost:
        print(f"  not carried over: {describe_loss(change)}", file=sys.stderr)


def write_anew(path: Path, text: str, *, replaces: bool) -> int:
    """Write a file that is not there yet; return 0, else the exit status after saying why not.

    Args:
        path: the file; folders that are missing are made.
        text: what is in it.
        replaces: whether one that is there is replaced.
    """
    if not replaces and path.exists():
        complain(f"{path} is there already; nothing was written. Name another file, or replace it with --force")
        return EXIT_WRONG
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, text.encode())
    except OSError as error:
        complain(f"{path} cannot be written: {error.strerror or error}")
        return EXIT_FAILED
    return 0


def describe_loss(change: Change) -> str:
    """Return what could not be carried over as a line: its path, where it still stands, and why."""
    stands = "" if not change.after else " (still there)" if change.after == change.before else f" (in {change.after})"
    return f"{change.before}{stands}: {change.why}"


def format_number(value: float) -> str:
    """Return a metric's value for a table: two decimals from 1 up, four significant digits below."""
    if not math.isfinite(value):
        return str(value)
    return f"{value:,.2f}" if abs(value) >= 1 else f"{value:.4g}"


def cell(value: object) -> str:
    """Return a value as a cell of csv, with numbers as JSON has them and nothing for None."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and not math.isfinite(value):
        return to_json(value).decode().strip().strip('"')
    return str(value)


def format_duration(seconds: float | None) -> str:
    """Return a duration: ``2.7 s``, ``2:41``, ``1:02:41``; "" for None."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def format_time(when: float | None) -> str:
    """Return a time in local time, to the second; "" for None."""
    return "" if when is None else time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(when))


def printable(text: str) -> str:
    """Return a text as one line: what would move the cursor or end the line is shown as "?"."""
    return text if text.isprintable() else "".join(char if char.isprintable() else "?" for char in text)


def print_json_lines(values: Iterable[Any]) -> None:
    """Print an array with a value a line, each as it comes."""
    mark = "["
    for value in values:
        sys.stdout.write(f"{mark}\n{_json_line(value)}")
        mark = ","
    print("[]" if mark == "[" else "\n]")


def _json_line(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except ValueError:  # NaN or an infinity somewhere in it
        return to_json(value, indent=None).decode().rstrip("\n")


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print columns that are as wide as their widest cell; the last one is left as it is."""
    lines = [[printable(cell) for cell in row] for row in [header, *rows]]
    widths = [max(len(line[index]) for line in lines) for index in range(len(header))]
    for row in lines:
        cells = [cell.ljust(width) for cell, width in zip(row[:-1], widths, strict=False)]
        print("  ".join([*cells, row[-1]]).rstrip())
